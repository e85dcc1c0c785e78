"""``remedy SWEEP cascade``: send the least certain answers of a compressed model to dense."""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import schema
from analysis.errors import UserError
from analysis.export.cascade_files import write_cascade
from analysis.presentation.formatting import count, percent
from analysis.presentation.why_findings import cascade_sentence
from analysis.presentation.why_missing import no_cascade
from analysis.results import SweepResults
from analysis.store import Cache

ABOUT = """\
cascade: send the least certain answers of a compressed model to the dense one. The threshold is \
chosen on one half of the images; what is left of the forgotten ones, accuracy and latency are of \
the other half. Where there are several runs, beside sending them to another compressed run."""


def add_options(_: Any) -> None:
    """Add nothing: it has no options of its own."""


def run(options: argparse.Namespace, cache: Cache) -> int:
    """Print the curve, and write what runs it where that is asked for."""
    results = SweepResults(cache.existing(options.sweep))
    if options.out and not options.variant:
        raise UserError("--variant is missing: --out writes the thresholds of one variant")
    table = results.cascade(options.variant)
    if table.empty:
        asked = [options.variant] if options.variant else results.compressed_ids
        if not asked:
            raise UserError(
                f"sweep '{options.sweep}' has no compressed variant with a finished run"
            )
        raise UserError(
            f"sweep '{options.sweep}': {no_cascade(results, asked[0]).removesuffix('.')}"
        )
    for variant_id, rows in table.groupby(schema.VARIANT_ID, sort=False):
        print(f"{cascade_sentence(rows)}\n{_text(rows)}")
        if options.out:
            measure = results.cascade_measure(str(variant_id)) or schema.CONFIDENCE
            for path in write_cascade(rows, Path(options.out), measure):
                print(f"{path}: {count(path.stat().st_size)} bytes")
    return 0


def _text(rows: pd.DataFrame) -> str:
    lines = ["  sent     forgotten left  [95 % interval]    top-1   control  latency"]
    for row in rows.to_dict("records"):
        interval = f"[{percent(row['forgotten_left_low'])}, {percent(row['forgotten_left_high'])}]"
        latency = "–" if pd.isna(row["mean_latency_ms"]) else f"{row['mean_latency_ms']:.3g} ms"
        lines.append(
            f"  {percent(row['share_sent_found']):>7}  {percent(row['forgotten_left']):>14}  "
            f"{interval:<18} {percent(row['top1'], 2):>8}  "
            f"{percent(row['control_forgotten_left']):>7}  {latency}"
        )
    return "\n".join(lines) + "\n"
