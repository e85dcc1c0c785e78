"""``export``: the tables of a sweep."""

import argparse
from typing import Any

import pandas as pd

from analysis.cli.terminal import write_data
from analysis.errors import UserError
from analysis.results import MORE_TABLES, TABLES, SweepResults
from analysis.stats.votes import TIE_RULES
from analysis.store import Cache
from analysis.tabular import to_csv, write_table


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    export = verbs.add_parser("export", parents=[common], help="write a table of a sweep")
    export.add_argument("sweep", metavar="SWEEP")
    tables = (*TABLES, *MORE_TABLES)
    export.add_argument("table", metavar="TABLE", choices=tables, help=", ".join(tables))
    export.add_argument("--variant", metavar="ID", help="the rows of one variant alone")
    export.add_argument(
        "--ties", choices=TIE_RULES, default="confidence", help="how tied modal labels are broken"
    )
    export.add_argument(
        "--out", metavar="FILE", help=".csv, .parquet or .json (default: CSV to standard output)"
    )
    export.add_argument(
        "--by",
        metavar="ATTRIBUTE[,ATTRIBUTE]",
        help="attributes, numeric-attributes, subgroups: one attribute alone; subgroups: several "
        "for the intersections of their values (default: every attribute by itself)",
    )
    export.add_argument(
        "--positive",
        metavar="CLASS",
        help="subgroups: the class held against the rest (default: the second of two classes, "
        "else each in turn)",
    )
    export.set_defaults(run=run_export)


def run_export(options: argparse.Namespace, cache: Cache) -> int:
    """Write one table."""
    results = SweepResults(cache.existing(options.sweep), ties=options.ties)
    table = _table(results, options)
    if options.out:
        write_table(table, options.out)
    else:
        write_data(to_csv(table))
    return 0


def _table(results: SweepResults, options: argparse.Namespace) -> pd.DataFrame:
    name, variant = options.table, options.variant
    for option, tables in (
        ("by", ("attributes", "numeric-attributes", "subgroups")),
        ("positive", ("subgroups",)),
    ):
        if getattr(options, option) is not None and name not in tables:
            raise UserError(f"--{option} goes with {', '.join(tables)}, not with {name}")
    by = options.by.split(",") if options.by else []
    if name == "subgroups":
        return results.subgroups(variant, by=by or None, positive=options.positive)
    if not by:
        return results.table(name, variant)
    if len(by) > 1:
        raise UserError(f"--by {options.by}: {name} takes one attribute; subgroups takes several")
    compute = results.attributes if name == "attributes" else results.numeric_attributes
    return compute(variant, attribute=by[0])
