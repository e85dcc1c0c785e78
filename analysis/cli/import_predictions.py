"""``import``: predictions made elsewhere become a sweep."""

import argparse
import sys
from typing import Any

from analysis.cli.cache import keep_tables, tell_pairing
from analysis.cli.console import ProgressBars
from analysis.cli.options import add_options, fields_of
from analysis.importing.request import ImportConfig, parse_map
from analysis.presentation.formatting import many, most_common
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
    add_options(parser, ImportConfig, required=("name",))
    parser.set_defaults(run=run_import)


def run_import(options: argparse.Namespace, cache: Cache) -> int:
    """Import files."""
    from analysis.importing import import_predictions

    given = fields_of(vars(options), ImportConfig)
    config = ImportConfig(
        tuple(options.files),
        columns=parse_map(given.pop("map", [])),
        n_classes=given.pop("classes", None),
        **given,
    )
    with ProgressBars(sys.stderr) as bars:
        done = import_predictions(config, cache, progress=bars)
        keep_tables(cache, config.name, bars)
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
    if manifest.left_out:
        print(f"{manifest.name}: {most_common(one.reason for one in manifest.left_out)}")
    tell_pairing(cache, manifest.name)
    return 0
