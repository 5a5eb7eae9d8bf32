"""What a step says: sandboxed templates over plain data, one set of files a channel and locale."""
