"""Predictions made elsewhere become a sweep.

files -> chunks of columns (``readers``) -> rows of numbers (``normalising``) -> spilled by run
(``spool``) -> checked run by run (``checking``) -> written aside (``writing``) -> published whole.
"""

from analysis.importing.pipeline import import_predictions
from analysis.importing.request import Asked

__all__ = ["Asked", "import_predictions"]
