"""``share``: images of a sweep in the formats of other tools."""

import argparse
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.cli.progress import ProgressBars
from analysis.errors import UserError
from analysis.results import SweepResults
from analysis.sharing import Chosen, choose, formats, share, sharing_format, wording_of
from analysis.sharing.choosing import POPULATIONS
from analysis.stats.pie import KINDS
from analysis.stats.votes import TIE_RULES
from analysis.store import Cache
from analysis.wording import count

_ABOUT = """\
Set images of a sweep out for other tools: PIEs by falling vote distance, of single models (one \
run a variant) by falling confidence lost in the true class, or those named. The file or folder \
appears whole or not at all."""


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    known = formats()
    parser = verbs.add_parser(
        "share",
        parents=[common],
        help="images as ZIP, contact sheet, Hugging Face folder, FiftyOne or label-cleaning CSV",
        description=_ABOUT,
        epilog="formats: "
        + "; ".join(f"{n}: {f.about.rstrip('.')}" for n, f in sorted(known.items())),
    )
    parser.add_argument("sweep", metavar="SWEEP")
    parser.add_argument("format", metavar="FORMAT", choices=sorted(known), help=", ".join(known))
    parser.add_argument(
        "--variant", metavar="ID", help="held against dense (default: the most compressed one)"
    )
    parser.add_argument("--population", choices=POPULATIONS, help="which images (default: pies)")
    parser.add_argument(
        "--kind", choices=KINDS, action="append", help="this kind of PIE (repeatable)"
    )
    parser.add_argument(
        "--class", dest="classes", metavar="NAME", action="append",
        help="images of this true class (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--images", metavar="ID[,ID]", help="these images in this order instead, by image_id"
    )
    parser.add_argument("--limit", metavar="N", type=int, help="the first N of them alone")
    parser.add_argument(
        "--ties", choices=TIE_RULES, default="confidence", help="how tied modal labels are broken"
    )
    parser.add_argument(
        "--out", metavar="FILE|DIR", required=True,
        help="a file with the format's suffix; of formats with several files .zip or a new folder",
    )  # fmt: skip
    parser.set_defaults(run=run_share)


def run_share(options: argparse.Namespace, cache: Cache) -> int:
    """Write the images and say what was written."""
    results = SweepResults(cache.existing(options.sweep), ties=options.ties)
    variant_id = options.variant or results.default_variant()
    if variant_id is None:
        raise UserError(f"sweep '{options.sweep}' has no compressed variant with a finished run")
    image_ids, words = _chosen(options, results, variant_id)
    chosen = Chosen(results, variant_id, image_ids, words)
    total = len(chosen) + 3
    with ProgressBars(sys.stderr) as bars:
        share(
            chosen,
            sharing_format(options.format),
            options.out,
            progress=lambda n: bars("Writing", min(n, total), total),
        )
    noun = "image" if len(chosen) == 1 else "images"
    print(f"{options.out}: {count(len(chosen))} {noun} of {variant_id} ({words})")
    return 0


def _chosen(
    options: argparse.Namespace, results: SweepResults, variant_id: str
) -> tuple[npt.NDArray[np.int64], str]:
    """Image ids in order, and how they were chosen."""
    if options.limit is not None and options.limit < 1:
        raise UserError(f"--limit {options.limit}: expected 1 or more")
    population = options.population or "pies"
    kinds, classes = options.kind or [], options.classes or []
    if options.images is not None:
        if options.population or kinds or classes:
            raise UserError("--images names the images: leave --population, --kind, --class out")
        image_ids, words = _named(options.images), "image by image"
    else:
        # The variant is checked before its table is asked for.
        Chosen(results, variant_id, np.empty(0, np.int64))
        image_ids = choose(results, variant_id, population=population, kinds=kinds, classes=classes)
        words = wording_of(population=population, kinds=kinds, classes=classes)
        if not len(image_ids):
            raise UserError(f"{variant_id} has no image for: {words}")
    if options.limit is not None and options.limit < len(image_ids):
        words = f"{words}, the first {count(options.limit)} of {count(len(image_ids))}"
        image_ids = image_ids[: options.limit]
    return image_ids, words


def _named(text: str) -> npt.NDArray[np.int64]:
    try:
        return np.array([int(part) for part in text.split(",")], np.int64)
    except (ValueError, OverflowError):
        raise UserError(f"--images {text[:80]}: expected image ids such as 3,17,4") from None
