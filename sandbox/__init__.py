"""Loopback stand-ins for the providers: a mail server with IMAP, Telegram's Bot API and Twilio, with customers' phones.

Runs as a process of its own (``python -m sandbox``) and speaks only the providers' wire protocols, so that a program
which works against it works for the reasons it would work against the providers. Imports nothing of the program.
"""
