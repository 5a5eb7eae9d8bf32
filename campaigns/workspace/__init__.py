"""The folder that a marketer edits: read strictly, with line numbers, every problem at once."""
