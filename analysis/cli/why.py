"""``forecast`` and ``slices``: which images compression will cost, and what the forgotten share."""

import argparse
import shlex
from typing import Any

import pandas as pd

from analysis import schema
from analysis.cli.console import tell
from analysis.cli.next_steps import with_cache
from analysis.errors import UserError
from analysis.presentation.formatting import count, one_line, percent, shortened
from analysis.presentation.why_findings import forecast_sentence, scores_sentence, slices_sentence
from analysis.presentation.why_missing import no_forecast, no_scores, no_slices
from analysis.results import SweepResults
from analysis.stats.forecast import SHARES
from analysis.stats.votes import TIE_RULES
from analysis.store import Cache
from analysis.store.features import features_digest, words_to_make
from analysis.store.tabular import write_table

_FORECAST = """\
Rank the test images by the doubt of the dense runs (1 - mean confidence; of one run 1 - the \
margin of its two largest scores), and say how many of a variant's changes that ranking catches: \
thresholds with the share of all flips (of PIEs where runs are independent) that is expected on \
the images sent, each image judged by the half that it is not in. Of a sweep of dense runs alone \
the ranking is all there is."""
_SLICES = """\
Find groups of images that compression costs more than the others: clusters of the features, \
within classes and across, classes, metadata values and pairs of them. Suggested by one half of \
the images, tested on the other, over seeds and images; and say which scores of an image tell \
compression from seed noise."""
_SHOWN = 10


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verbs to the parser."""
    for name, text, about, run in (
        ("forecast", "which images compression will cost", _FORECAST, run_forecast),
        ("slices", "groups of images that compression costs more than others", _SLICES, run_slices),
    ):
        parser = verbs.add_parser(name, parents=[common], help=text, description=about)
        parser.add_argument("sweep", metavar="SWEEP")
        parser.add_argument("--variant", metavar="ID", help="one variant (default: all)")
        parser.add_argument(
            "--ties",
            choices=TIE_RULES,
            default="confidence",
            help="how tied modal labels are broken",
        )
        parser.add_argument(
            "--out", metavar="FILE", help="write the table too: .csv, .parquet or .json"
        )
        parser.set_defaults(run=run)


def run_forecast(options: argparse.Namespace, cache: Cache) -> int:
    """Print how well doubt ranks, the thresholds, and the first images."""
    results = SweepResults(cache.existing(options.sweep), ties=options.ties)
    table = results.forecast(options.variant)
    if table.empty:
        raise UserError(f"sweep '{options.sweep}' has no dense run yet, which a forecast is from")
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
    """Print what stands out, and what the scores tell."""
    results = SweepResults(cache.existing(options.sweep), ties=options.ties)
    table = results.slices(options.variant)
    if options.out:
        write_table(table, options.out)
    asked = [options.variant] if options.variant else results.compressed_ids
    if not asked:
        raise UserError(f"sweep '{options.sweep}' has no compressed variant with a finished run")
    for variant_id in asked:
        found = table[table[schema.VARIANT_ID] == variant_id]
        said = no_slices(results, variant_id) or slices_sentence(found)
        print(f"{one_line(variant_id)}: {said}")
        for row in found.to_dict("records"):
            print(
                f"  {shortened(row['name'], 60)}: {count(row['n'])} images, "
                f"{100 * row['risk_difference']:+.1f} points "
                f"[{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]; "
                f"{shortened(row['description'], 200)}"
            )
        said = no_scores(results) or scores_sentence(results.scores(variant_id))
        print(f"  {said}\n")
    if features_digest(results.folder) is None:
        command = with_cache(
            shlex.join([*options.program.split(), *words_to_make(results.manifest)]), cache
        )
        tell(
            f"lethe: note: no features, so no clusters among the candidates; '{command}' gives them"
        )
    return 0
