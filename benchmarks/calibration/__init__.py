"""Whether the statistics keep what they promise: ``python -m benchmarks calibration``.

``classes`` simulates recalls and compares the tests with what they ask; ``images`` simulates votes
and compares the noise floor and the intervals over images with the truth.
"""
