"""The verb ``report``, which writes a report."""

import argparse
import sys
from pathlib import Path
from typing import Any

from analysis.budgets import read_budget
from analysis.cli.console import ProgressBars
from analysis.cli.next_steps import default_cache
from analysis.cli.options import add_options, preset_of
from analysis.figures.preset import FigurePreset
from analysis.presentation.formatting import size
from analysis.presentation.sections import SECTIONS
from analysis.results import SweepResults
from analysis.stats.votes import TIE_RULES
from analysis.store import Cache
from analysis.sweep.command import naming_cache

_REPORT_ABOUT = """\
Write a sweep as one self-contained HTML page that opens offline and prints (index.html), every \
figure as PNG, SVG and PDF (figures/) and every table as CSV (tables/). The page begins with a \
verdict; names of raters, times and paths of this machine are left out."""


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb ``report``."""
    parser = verbs.add_parser(
        "report",
        parents=[common],
        help="one HTML page, every figure as a file, every table as CSV",
        description=_REPORT_ABOUT,
    )
    parser.add_argument("sweep", metavar="SWEEP")
    parser.add_argument(
        "--out", metavar="DIR", required=True, help="a new or empty folder, or an earlier report's"
    )
    parser.add_argument("--title", help="heading of the page (default: after the sweep)")
    parser.add_argument(
        "--variant", metavar="ID", action="append", help="only this variant (repeatable)"
    )
    parser.add_argument(
        "--ties", choices=TIE_RULES, default="confidence", help="how tied modal labels are broken"
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="accept a folder with other files, which stay",
    )
    add_options(parser, FigurePreset)
    parser.add_argument(
        "--section", metavar="NAME", action="append",
        help=f"only this section, after the verdict (repeatable): {', '.join(SECTIONS)}",
    )  # fmt: skip
    parser.add_argument(
        "--budget", metavar="FILE", help="limits that the verdict checks the sweep against (TOML)"
    )
    parser.add_argument(
        "--details", action="store_true",
        help="include private details: names of raters, times, paths of this machine",
    )  # fmt: skip
    parser.set_defaults(run=run_report)


def run_report(options: argparse.Namespace, cache: Cache) -> int:
    """Write the report; print its path, size and omissions."""
    from analysis.report import write_report
    from analysis.report.contents import Contents, chosen_sections

    contents = Contents(
        sections=chosen_sections(options.section),
        budget=read_budget(options.budget) if options.budget else None,
        has_details=options.details,
    )
    results = SweepResults(cache.existing(options.sweep), ties=options.ties)
    with ProgressBars(sys.stderr) as bars:
        written = write_report(
            results,
            Path(options.out),
            title=options.title,
            variant_ids=options.variant,
            overwrite=options.overwrite,
            progress=bars,
            preset=preset_of(options),
            contents=contents,
        )
    print(
        f"{written.page}: {size(written.n_bytes)}, {written.n_figures} figures, "
        f"{written.n_tables} tables"
    )
    is_usual = options.cache == default_cache()
    for note in written.notes:
        print(f"note: {note if is_usual else naming_cache(note, options.cache)}")
    return 0
