"""``import``: predictions made elsewhere become a sweep."""

import argparse
import sys
from typing import Any

from analysis.cli.cache import keep_tables, tell_pairing
from analysis.cli.console import ProgressBars
from analysis.presentation.formatting import many
from analysis.store import Cache

_ABOUT = """\
Bring predictions made elsewhere into the cache, to be looked at like any other sweep. Tables \
(CSV, Parquet, JSON lines; text gzipped or not) have one row an image and run, with the columns \
image_id or path, label, seed, variant_id (or method and target_sparsity) and prediction, and may \
have confidence, true_confidence and true_rank. Or .npz files, one a run, named \
<variant_id>__seed-<k>.npz, with logits or probabilities (N, C) and labels (N,). One variant must \
be 'dense', the uncompressed model. All runs come in, or none. docs/importing.md has worked \
examples."""


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    parser = verbs.add_parser(
        "import",
        parents=[common],
        help="bring predictions made elsewhere: CSV, Parquet, JSON lines, .npz",
        description=_ABOUT,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="files, or patterns in quotes")
    parser.add_argument("--name", required=True, help="name of the sweep, new or imported before")
    parser.add_argument(
        "--images",
        metavar="SPEC",
        help="the images, such as folder:DIR or parquet:PATH, all of them unsplit; matched by "
        "path, else by place (default: no pictures)",
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="OURS=THEIRS",
        help="repeatable; what a column of ours is called in the files, such as label=truth",
    )
    parser.add_argument(
        "--classes",
        type=int,
        metavar="N",
        help="number of classes, where neither names nor logits nor --images say it",
    )
    parser.add_argument(
        "--paired",
        action="store_true",
        help="seed k of every variant was made from seed k of dense",
    )
    parser.add_argument(
        "--allow-missing",
        action="store_true",
        help="leave out of all runs what images a run lacks, and take uneven seeds as they are",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace runs that the sweep has already"
    )
    parser.set_defaults(run=run_import)


def run_import(options: argparse.Namespace, cache: Cache) -> int:
    """Import files."""
    from analysis.importing import Asked, import_predictions
    from analysis.importing.request import parse_map

    asked = Asked(
        tuple(options.files),
        options.name,
        images=options.images,
        columns=parse_map(options.map),
        n_classes=options.classes,
        allow_missing=options.allow_missing,
        overwrite=options.overwrite,
        paired=options.paired,
    )
    with ProgressBars(sys.stderr) as bars:
        done = import_predictions(asked, cache, progress=bars)
        keep_tables(cache, asked.name, bars)
    manifest = done.manifest
    n_variants = len({variant_id for variant_id, _ in done.runs})
    print(
        f"{manifest.name}: imported {many(len(done.runs), 'run')} of "
        f"{many(n_variants, 'variant')} on {many(done.n_images, 'image')} of "
        f"{len(manifest.class_names):,} classes; {many(manifest.n_done, 'run')} in "
        f"{cache.root / manifest.name}"
    )
    for note in done.notes:
        print(f"{manifest.name}: {note}")
    tell_pairing(cache, manifest.name)
    return 0
