"""External models: opened by format, tried with some images, evaluated on all of them.

``spec`` reads MODEL, ``registry`` and a file a format open it, ``signature`` says what it takes and
gives, ``feeding`` makes its input and ``evaluate`` predicts. ``evaluate`` and the formats need
torch, the rest does not.
"""
