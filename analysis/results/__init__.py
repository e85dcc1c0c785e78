"""A sweep's results: every table, computed from the cache on demand, each once.

``opened`` is the face; ``source`` reads, ``variants`` computes one variant's tables and ``images``
those per image; ``metadata`` and ``attributes`` say what the metadata columns hold, ``notebook``
how a sweep looks in a notebook.
"""

from analysis.results.opened import MORE_TABLES, TABLES, SweepResults, load_sweep

__all__ = ["MORE_TABLES", "TABLES", "SweepResults", "load_sweep"]
