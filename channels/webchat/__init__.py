"""The web chat: a window on the shop's own site. We are its provider: the window's lines are kept in our store."""
