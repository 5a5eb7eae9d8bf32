"""Handing customers to people: who waits, who gets them, what they were promised, and who has the conversation now."""
