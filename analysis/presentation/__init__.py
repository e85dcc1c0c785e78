"""What is said in words, once, for the screen, the report and the terminal.

``findings`` are sentences on a sweep, ``tables`` the tables written for reading, ``formatting`` how
numbers and data text are written.
"""
