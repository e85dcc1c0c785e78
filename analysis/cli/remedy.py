"""``remedy``: what gives forgotten images back, and what it costs."""

import argparse
from typing import Any

from analysis.cli import remedy_cascade, remedy_layers
from analysis.store import Cache

_REMEDIES = {"cascade": remedy_cascade, "layers": remedy_layers}


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb ``remedy``."""
    parser = verbs.add_parser(
        "remedy",
        parents=[common],
        help="what gives forgotten images back, and what it costs",
        description=" ".join(one.ABOUT for one in _REMEDIES.values()),
    )
    parser.add_argument("sweep", metavar="SWEEP")
    parser.add_argument("remedy", metavar="REMEDY", choices=_REMEDIES, help=", ".join(_REMEDIES))
    parser.add_argument("--variant", metavar="ID", help="the compressed variant")
    parser.add_argument(
        "--out", metavar="DIR", help="also write what it leaves behind: lists, Python, the table"
    )
    for one in _REMEDIES.values():
        one.add_options(parser)
    parser.set_defaults(run=run_remedy)


def run_remedy(options: argparse.Namespace, cache: Cache) -> int:
    """Judge one remedy."""
    return _REMEDIES[options.remedy].run(options, cache)
