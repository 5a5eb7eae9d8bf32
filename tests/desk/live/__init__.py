"""The live part of the desk."""
