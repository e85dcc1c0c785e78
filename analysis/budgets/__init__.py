"""Budgets: limits of what compression may cost; ``check`` is the gate for CI.

``budget`` reads the file, ``measure`` takes the numbers from the tables, ``evaluate`` compares them
with the limits, ``render`` formats the outcome as text, Markdown or JSON.
"""

from analysis.budgets.budget import Budget, read_budget
from analysis.budgets.evaluate import Verdict, check, is_held
from analysis.budgets.render import FORMATS, HEADER, cells, written

__all__ = [
    "FORMATS", "HEADER", "Budget", "Verdict", "cells", "check", "is_held", "read_budget", "written",
]  # fmt: skip
