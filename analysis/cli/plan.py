"""The verb that says how many seeds and images a difference takes."""

import argparse
from typing import Any

from analysis.errors import UserError
from analysis.store import Cache


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb ``plan``."""
    plan = verbs.add_parser(
        "plan",
        parents=[common],
        help="how many seeds and images a difference takes, from the runs of a sweep",
        description="What the seeds and images of a sweep tell (80 % power at 0.05), and how many "
        "a difference takes: of top-1 and of every class.",
    )
    plan.add_argument("sweep", help="its name")
    plan.add_argument("--variant", metavar="ID", help="this variant alone (default: every one)")
    plan.add_argument("--class", dest="class_name", metavar="NAME", help="this class alone")
    plan.add_argument(
        "--difference",
        type=float,
        default=2.0,
        metavar="POINTS",
        help="the difference that is to be told, percentage points (default: 2)",
    )
    plan.set_defaults(run=run_plan)


def run_plan(options: argparse.Namespace, cache: Cache) -> int:
    """Print what seeds and images tell, and what a difference takes."""
    from analysis.presentation.plans import plan_sentence, plan_text
    from analysis.results import SweepResults

    if not 0 < options.difference <= 100:
        raise UserError(
            f"--difference {options.difference:g}: expected percentage points above 0, up to 100"
        )
    results = SweepResults(cache.existing(options.sweep))
    names = results.class_names
    if options.class_name is not None and options.class_name not in names:
        shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
        raise UserError(f"--class {options.class_name!r}: there is no such class; there: {shown}")
    whole = results.plan(options.variant, difference=options.difference / 100)
    if whole.empty:
        raise UserError(f"sweep '{options.sweep}' has no run of a compressed variant to plan from")
    for variant_id, plan in whole.groupby("variant_id", sort=False):
        if options.class_name is not None:
            row = plan[plan["class_name"] == options.class_name]
            said = [plan_sentence(one) for one in row.to_dict("records")]
            print("\n".join(said) or f"{variant_id}: no test image of that class")
            continue
        print(plan_sentence(plan.to_dict("records")[0]))
        print(f"{plan_text(plan)}\n")
    return 0
