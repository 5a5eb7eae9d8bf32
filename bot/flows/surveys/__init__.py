"""Flows that come with the program, as YAML: surveys that a workspace may begin without writing them."""
