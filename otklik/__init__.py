"""The program: settings, wiring, command line, process roles."""
