"""Sweeps from the screen: child processes of the server, their forms, and their state."""
