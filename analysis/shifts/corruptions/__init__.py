"""Corruptions of images by name, one file a family, after Hendrycks & Dietterich 2019.

``registry`` finds them, ``apply`` corrupts the pixels of one image, ``scaling`` scales parameters
for 224 pixels to an image's size.
"""
