"""Given models: opened by format, checked with some images, and asked for predictions.

MODEL -> format (``asked``) -> opened (``registry`` and a file a format) -> what it takes and gives
(``fitting``) -> predictions (``evaluating``). Importable without torch, but for the last two and
the formats.
"""
