"""A sweep's results: every table, computed from the cache on demand, each once.

``results`` is the face, on ``more``, ``contract`` and ``opened``; ``source`` reads, ``variants``
computes one variant's tables and ``images`` those per image, which ``kept`` holds, ``groups``
curves of some images; ``metadata`` and ``attributes`` say what the metadata columns hold,
``notebook`` how a sweep looks in a notebook.
"""

from analysis.results.sweep_results import MORE_TABLES, TABLES, SweepResults, load_sweep

__all__ = ["MORE_TABLES", "TABLES", "SweepResults", "load_sweep"]
