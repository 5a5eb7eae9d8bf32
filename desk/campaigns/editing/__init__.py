"""Campaigns written on the desk: the files of the workspace's folder, tried out before they come into force."""
