"""The page on which customers choose what they get: behind a signed link, without a login."""
