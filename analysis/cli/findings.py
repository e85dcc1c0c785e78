"""Verbs that print findings: ``forecast``, ``slices`` and ``plan``."""

import argparse
import shlex
from typing import Any

import pandas as pd

from analysis import schema
from analysis.cli.console import tell
from analysis.cli.next_steps import with_cache
from analysis.cli.options import add_ties
from analysis.errors import UserError
from analysis.presentation.formatting import count, one_line, percent, shortened
from analysis.presentation.plans import plan_sentence, plan_text
from analysis.presentation.why_findings import forecast_sentence, scores_sentence, slices_sentence
from analysis.presentation.why_missing import no_forecast, no_scores, no_slices
from analysis.results import SweepResults
from analysis.stats.forecast import SHARES
from analysis.store import Cache
from analysis.store.features import features_digest, words_to_make
from analysis.store.tabular import write_table

_FORECAST = """\
Rank the test images by the doubt of the dense runs (1 - mean confidence; of one run 1 - the \
margin of its two largest scores), and show how many of a variant's changes that ranking catches: \
thresholds with the share of all flips (of PIEs where runs are independent) that is expected on \
the images sent, each image judged by the half that it is not in. For a sweep of dense runs alone \
only the ranking is printed."""
_SLICES = """\
Find groups of images that compression costs more than the others: clusters of the features, \
within classes and across, classes, metadata values and pairs of them. They are suggested by one \
half of the images and tested on the other, over seeds and images. Also print which scores of an \
image separate compression from seed noise."""
_SHOWN = 10


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verbs to the parser."""
    for name, text, about, run in (
        ("forecast", "rank the images that compression will cost", _FORECAST, run_forecast),
        (
            "slices",
            "find groups of images that compression costs more than others",
            _SLICES,
            run_slices,
        ),
    ):
        parser = verbs.add_parser(name, parents=[common], help=text, description=about)
        parser.add_argument("sweep", metavar="SWEEP")
        parser.add_argument("--variant", metavar="ID", help="one variant (default: all)")
        add_ties(parser)
        parser.add_argument(
            "--out", metavar="FILE", help="also write the table: .csv, .parquet or .json"
        )
        parser.set_defaults(run=run)
    _add_plan(verbs, common)


def run_forecast(options: argparse.Namespace, cache: Cache) -> int:
    """Print the skill of doubt, the thresholds, and the most doubtful images."""
    results = SweepResults(cache.existing(options.sweep), ties=options.ties)
    table = results.forecast(options.variant)
    if table.empty:
        raise UserError(f"sweep '{options.sweep}' has no dense run yet, which a forecast needs")
    if missing := no_forecast(results):
        raise UserError(f"sweep '{options.sweep}': {missing.removesuffix('.')}")
    if options.out:
        write_table(table, options.out)
    for variant_id, rows in table.groupby(schema.VARIANT_ID, sort=False, dropna=False):
        ranked = rows.sort_values("rank")
        if pd.isna(variant_id):
            print("nothing is compressed yet: images by doubt alone")
        else:
            skill = results.forecast_skill(str(variant_id))
            event = results.forecast_event(str(variant_id))
            print(f"{one_line(variant_id)}: {forecast_sentence(event, skill)}")
            print(_thresholds(ranked, event))
        first = " ".join(str(one) for one in ranked[schema.IMAGE_ID].head(_SHOWN))
        print(f"  most doubtful images: {first}\n")
    return 0


def _thresholds(ranked: pd.DataFrame, event: str) -> str:
    n = len(ranked)
    lines = [f"  images sent  doubt at least  {event} expected among them"]
    for share in SHARES:
        row = ranked.iloc[max(round(share * n), 1) - 1]
        caught = row["expected_share_caught"]
        words = "–" if pd.isna(caught) else percent(caught)
        lines.append(f"  {percent(share, 0):>11}  {row['score']:>14.4f}  {words:>8}")
    return "\n".join(lines)


def run_slices(options: argparse.Namespace, cache: Cache) -> int:
    """Print the groups that stand out, and the findings on scores."""
    results = SweepResults(cache.existing(options.sweep), ties=options.ties)
    table = results.slices(options.variant)
    if options.out:
        write_table(table, options.out)
    variants = [options.variant] if options.variant else results.compressed_ids
    if not variants:
        raise UserError(f"sweep '{options.sweep}' has no compressed variant with a finished run")
    for variant_id in variants:
        rows = table[table[schema.VARIANT_ID] == variant_id]
        sentence = no_slices(results, variant_id) or slices_sentence(rows)
        print(f"{one_line(variant_id)}: {sentence}")
        for row in rows.to_dict("records"):
            print(
                f"  {shortened(row['name'], 60)}: {count(row['n'])} images, "
                f"{100 * row['risk_difference']:+.1f} points "
                f"[{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]; "
                f"{shortened(row['description'], 200)}"
            )
        sentence = no_scores(results) or scores_sentence(results.scores(variant_id))
        print(f"  {sentence}\n")
    if features_digest(results.folder) is None:
        command = with_cache(
            shlex.join([*options.program.split(), *words_to_make(results.manifest)]), cache
        )
        tell(
            f"lethe: note: no features, so no clusters among the candidates; '{command}' gives them"
        )
    return 0


def _add_plan(verbs: Any, common: argparse.ArgumentParser) -> None:
    plan = verbs.add_parser(
        "plan",
        parents=[common],
        help="plan the seeds and images that a difference takes, from the runs of a sweep",
        description="Print the differences that the seeds and images of a sweep detect (80 % power "
        "at 0.05), and how many a difference takes: of top-1 and of every class.",
    )
    plan.add_argument("sweep", help="its name")
    plan.add_argument("--variant", metavar="ID", help="only this variant (default: all)")
    plan.add_argument("--class", dest="class_name", metavar="NAME", help="only this class")
    plan.add_argument(
        "--difference",
        type=float,
        default=2.0,
        metavar="POINTS",
        help="the difference to detect, percentage points (default: 2)",
    )
    plan.set_defaults(run=run_plan)


def run_plan(options: argparse.Namespace, cache: Cache) -> int:
    """Print the differences that seeds and images detect, and what a difference takes."""
    if not 0 < options.difference <= 100:
        raise UserError(
            f"--difference {options.difference:g}: expected percentage points above 0, up to 100"
        )
    results = SweepResults(cache.existing(options.sweep))
    names = results.class_names
    if options.class_name is not None and options.class_name not in names:
        shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
        raise UserError(
            f"--class {options.class_name!r}: there is no such class; choose among {shown}"
        )
    table = results.plan(options.variant, difference=options.difference / 100)
    if table.empty:
        raise UserError(f"sweep '{options.sweep}' has no run of a compressed variant to plan from")
    for variant_id, plan in table.groupby("variant_id", sort=False):
        if options.class_name is not None:
            row = plan[plan["class_name"] == options.class_name]
            sentences = [plan_sentence(one) for one in row.to_dict("records")]
            print("\n".join(sentences) or f"{variant_id}: no test image of that class")
            continue
        print(plan_sentence(plan.to_dict("records")[0]))
        print(f"{plan_text(plan)}\n")
    return 0
