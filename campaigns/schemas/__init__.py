"""JSON Schemas of the workspace's files, for editors: hints while typing. The readers decide."""
