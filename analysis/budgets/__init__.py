"""Budgets: what compression may cost at most, held against a sweep; ``check`` is the gate for CI.

``reading`` reads the file, ``measuring`` takes the numbers from the tables, ``verdicts`` judges
them and ``writing`` says the outcome as text, Markdown or JSON.
"""

from analysis.budgets.budget import Budget, read_budget
from analysis.budgets.evaluate import Verdict, check, is_held
from analysis.budgets.render import FORMATS, written

__all__ = ["FORMATS", "Budget", "Verdict", "check", "is_held", "read_budget", "written"]
