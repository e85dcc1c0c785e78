"""Whether the statistics keep what they promise: ``python -m benchmarks calibration``.

``classes`` simulates recalls and holds the tests against what they ask; ``images`` simulates votes
and holds the noise floor and the intervals over images against the truth.
"""
