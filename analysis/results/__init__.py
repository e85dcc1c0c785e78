"""The results of a sweep: every table, computed once from the cache, on demand.

``sweep_results`` composes the parts: ``source`` reads and caches, ``variants``, ``class_tables``,
``images``, ``attribute_tables`` and ``shifts`` compute tables; ``tables`` names them all.
"""

from analysis.results.sweep_results import SweepResults, load_sweep
from analysis.results.tables import CONTRACT_TABLES, TABLES, Table

__all__ = ["CONTRACT_TABLES", "TABLES", "SweepResults", "Table", "load_sweep"]
