"""The inbox: who waits, what was said over every channel, and what an agent does about it."""
