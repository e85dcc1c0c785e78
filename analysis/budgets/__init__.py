"""Budgets: what compression may cost at most, held against a sweep; ``check`` is the gate for CI.

``reading`` reads the file, ``measuring`` takes the numbers from the tables, ``verdicts`` judges
them and ``writing`` says the outcome as text, Markdown or JSON.
"""

from analysis.budgets.reading import Budget, read_budget
from analysis.budgets.verdicts import Verdict, check, is_held
from analysis.budgets.writing import FORMATS, written

__all__ = ["FORMATS", "Budget", "Verdict", "check", "is_held", "read_budget", "written"]
