"""External models: open them by format, try them on some images, evaluate them on all.

``spec`` parses MODEL, ``registry`` and one file a format open it, ``signature`` describes its
input, ``feeding`` prepares images for it and ``evaluate`` predicts. Only ``evaluate`` and the
formats need torch.
"""
