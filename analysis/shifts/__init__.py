"""Shifts: corrupted test images, or other images of the same classes.

``parse`` reads the options, ``inputs`` makes the pixels, ``corruptions`` has the 15 corruptions by
name.
"""
