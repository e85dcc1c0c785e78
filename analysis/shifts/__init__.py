"""Shifted images: test images corrupted, or other images of the same classes.

``parse`` reads what is asked for, ``inputs`` makes the pixels, ``corruptions`` are the 15
corruptions by name.
"""
