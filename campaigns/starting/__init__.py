"""Starting: who enters a campaign, when, and as which arm."""
