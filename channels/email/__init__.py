"""Mail: out by SMTP, in by IMAP. ``smtp`` sends, ``mailbox`` fetches, ``inbound`` reads; the rest is pure."""
