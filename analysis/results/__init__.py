"""A sweep's results: every table, computed from the cache on demand, each once.

``sweep_results`` composes the parts: ``source`` reads and keeps, ``variants`` computes one
variant's tables and ``images`` those per image, ``shifts`` those under shifts, ``metadata``
those of metadata columns; ``tables`` names every table, ``notebook`` shows a sweep in a notebook.
"""

from analysis.results.code import load_sweep
from analysis.results.sweep_results import SweepResults
from analysis.results.tables import CONTRACT_TABLES, TABLES, Table

__all__ = ["CONTRACT_TABLES", "TABLES", "SweepResults", "Table", "load_sweep"]
