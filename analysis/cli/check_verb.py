"""``check``: a sweep held against a budget, for CI."""

import argparse
from typing import Any

from analysis.budgets import FORMATS, check, is_held, read_budget, written
from analysis.results import SweepResults
from analysis.stats.votes import TIE_RULES
from analysis.store import Cache

_ABOUT = """\
Hold a sweep against a budget in TOML: overall top-1 drop, the largest drop of a class, PIEs \
beyond seed noise, gaps of subgroups, size. Exit status 0: within the budget; 1: a breach, or a \
limit that could not be tested; 2: the budget or the sweep cannot be used. docs/ci.md says what a \
budget holds."""


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    parser = verbs.add_parser(
        "check",
        parents=[common],
        help="pass or fail against a budget, for CI",
        description=_ABOUT,
    )
    parser.add_argument("sweep", metavar="SWEEP")
    parser.add_argument("--budget", metavar="FILE.toml", required=True, help="docs/ci.md says how")
    parser.add_argument(
        "--variant", metavar="ID", action="append", help="this variant alone (repeatable)"
    )
    parser.add_argument(
        "--ties", choices=TIE_RULES, default="confidence", help="how tied modal labels are broken"
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="text", help="how the table is written"
    )
    parser.set_defaults(run=run_check)


def run_check(options: argparse.Namespace, cache: Cache) -> int:
    """Print the table of limits; 1 where the budget is not held."""
    budget = read_budget(options.budget)
    results = SweepResults(cache.existing(options.sweep), ties=options.ties)
    verdicts = check(results, budget, options.variant)
    print(written(verdicts, budget, sweep=options.sweep, format=options.format))
    return 0 if is_held(verdicts, budget) else 1
