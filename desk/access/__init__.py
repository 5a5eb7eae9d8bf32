"""Who may sit at the desk: agents, their passwords and second factors, and signed-in browsers."""
