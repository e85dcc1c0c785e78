"""Results in words, shared by the screen, the report and the terminal.

``findings`` composes sentences on a sweep, ``tables`` formats tables for reading, ``formatting``
numbers and text from the data.
"""
