"""One's own account: language and zone, password, signed-in browsers, second factor."""
