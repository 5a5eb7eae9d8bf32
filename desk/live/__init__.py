"""The live part of the desk: what changed is shown to everybody who looks, within a moment."""
