"""Reading what people wrote: bounded YAML with line numbers, strict fields, every problem at once."""
