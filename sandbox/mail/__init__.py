"""Mail: an SMTP server for what the company sends, people's mailboxes, and the company's own mailbox over IMAP."""
