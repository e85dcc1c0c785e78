"""``report``: a sweep as one HTML page, figures and tables."""

import argparse
import sys
from pathlib import Path
from typing import Any

from analysis.cli.progress import ProgressBars
from analysis.results import SweepResults
from analysis.stats.votes import TIE_RULES
from analysis.store import Cache
from analysis.wording import size

_ABOUT = """\
Write a sweep as one self-contained HTML page that opens offline (index.html), every figure as \
PNG, SVG and PDF (figures/) and every table as CSV (tables/)."""


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    parser = verbs.add_parser(
        "report",
        parents=[common],
        help="one HTML page, every figure as a file, every table as CSV",
        description=_ABOUT,
    )
    parser.add_argument("sweep", metavar="SWEEP")
    parser.add_argument(
        "--out", metavar="DIR", required=True, help="a new or empty folder, or an earlier report's"
    )
    parser.add_argument("--title", help="heading of the page (default: after the sweep)")
    parser.add_argument(
        "--variant", metavar="ID", action="append", help="this variant alone (repeatable)"
    )
    parser.add_argument(
        "--ties", choices=TIE_RULES, default="confidence", help="how tied modal labels are broken"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="also into a folder with other files, which stay"
    )
    parser.set_defaults(run=run_report)


def run_report(options: argparse.Namespace, cache: Cache) -> int:
    """Write the report and say where it lies and what is missing."""
    from analysis.report import write_report

    results = SweepResults(cache.existing(options.sweep), ties=options.ties)
    with ProgressBars(sys.stderr) as bars:
        written = write_report(
            results,
            Path(options.out),
            title=options.title,
            variant_ids=options.variant,
            overwrite=options.overwrite,
            progress=bars,
        )
    print(
        f"{written.page}: {size(written.n_bytes)}, {written.n_figures} figures, "
        f"{written.n_tables} tables"
    )
    for note in written.notes:
        print(f"note: {note}")
    return 0
