"""Who gets what, when: workspace, segments, templates, the sequence engine and its runner."""
