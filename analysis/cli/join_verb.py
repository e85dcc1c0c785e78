"""``join``: columns of a table brought to the images of a sweep."""

import argparse
from typing import Any

from analysis.joining import join
from analysis.store import Cache

_ABOUT = """\
Bring the columns of a table to the test images of a sweep, as meta_* columns: labels of people, \
attributes, where a picture was taken. Rows are matched by the column image_id, or by path where \
there is none; images without a row get no value. The columns can then be filtered by, exported \
and compared: python -m analysis export SWEEP attributes."""


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    parser = verbs.add_parser(
        "join",
        parents=[common],
        help="bring columns of a table to the images, by image_id or path",
        description=_ABOUT,
    )
    parser.add_argument("sweep", metavar="SWEEP")
    parser.add_argument(
        "file", metavar="FILE", help=".csv, .parquet or JSON lines (.jsonl), gzipped (.gz) or not"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace meta_* columns that are there already"
    )
    parser.set_defaults(run=run_join)


def run_join(options: argparse.Namespace, cache: Cache) -> int:
    """Join a file."""
    names = join(cache.existing(options.sweep), options.file, overwrite=options.overwrite)
    print(f"{options.sweep}: joined {', '.join(names)}")
    return 0
