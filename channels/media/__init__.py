"""Files beside the text: fetched from providers within bounds, and handed to those that fetch from us."""
