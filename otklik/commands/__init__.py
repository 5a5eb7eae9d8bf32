"""The subcommands: one module each, light to import; what they need is imported when they run."""
