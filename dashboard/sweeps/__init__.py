"""Sweeps from the screen: child processes of the server, what they are asked, and how they are."""
