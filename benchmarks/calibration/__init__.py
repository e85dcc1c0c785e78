"""Calibration of the statistical tests and intervals: ``python -m benchmarks calibration``.

``classes`` simulates recalls and compares error rates of the tests with their nominal levels;
``images`` simulates votes and compares the noise floor and the intervals over images with the
truth.
"""
