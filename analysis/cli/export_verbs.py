"""``export``: the tables of a sweep."""

import argparse
import sys
from typing import Any

from analysis.results import TABLES, SweepResults
from analysis.stats.modal import TIE_RULES
from analysis.store import Cache
from analysis.tabular import to_csv, write_table


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    export = verbs.add_parser("export", parents=[common], help="write a table of a sweep")
    export.add_argument("sweep", metavar="SWEEP")
    export.add_argument("table", metavar="TABLE", choices=TABLES, help=", ".join(TABLES))
    export.add_argument("--variant", metavar="ID", help="the rows of one variant alone")
    export.add_argument(
        "--ties", choices=TIE_RULES, default="confidence", help="how tied modal labels are broken"
    )
    export.add_argument(
        "--out", metavar="FILE", help=".csv, .parquet or .json (default: CSV to standard output)"
    )
    export.set_defaults(run=run_export)


def run_export(options: argparse.Namespace, cache: Cache) -> int:
    """Write one table."""
    results = SweepResults(cache.existing(options.sweep), ties=options.ties)
    table = results.table(options.table, options.variant)
    if options.out:
        write_table(table, options.out)
    else:
        sys.stdout.write(to_csv(table))
    return 0
