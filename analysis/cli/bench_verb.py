"""``bench``: the project's own benchmarks."""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from analysis.errors import UserError
from analysis.store import Cache

_ROOT = Path(__file__).parents[2]


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    bench = verbs.add_parser("bench", parents=[common], help="run the project's own benchmarks")
    bench.add_argument("names", nargs="*", metavar="NAME", help="some of them alone")
    bench.set_defaults(run=run_bench)


def run_bench(options: argparse.Namespace, _: Cache) -> int:
    """Run the benchmarks from the project's folder."""
    if not (_ROOT / "benchmarks").is_dir():
        raise UserError("the benchmarks lie in the project's repository; run this from a clone")
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *options.names], cwd=_ROOT, check=False
    ).returncode
