"""What reading a workspace adds to :mod:`core.reading`: names and periods."""
