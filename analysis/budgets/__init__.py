"""Budgets: what compression may cost at most; ``check`` is the gate for CI.

``budget`` reads the file, ``evaluate`` takes the numbers from the tables and judges them,
``render`` writes the outcome as text, Markdown or JSON.
"""

from analysis.budgets.budget import Budget, read_budget
from analysis.budgets.evaluate import Verdict, check, is_held
from analysis.budgets.render import FORMATS, HEADER, cells, written

__all__ = [
    "FORMATS", "HEADER", "Budget", "Verdict", "cells", "check", "is_held", "read_budget", "written",
]  # fmt: skip
