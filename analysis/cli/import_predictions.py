"""The verb ``import``, which turns predictions made elsewhere into a sweep."""

import argparse
import sys
from typing import Any

from analysis.cli.cache import keep_tables, tell_pairing
from analysis.cli.console import ProgressBars
from analysis.cli.next_steps import tell_next
from analysis.cli.options import add_options, fields_of
from analysis.importing.request import ImportConfig, parse_map
from analysis.presentation.formatting import many, most_common
from analysis.store import Cache

_ABOUT = """\
Import predictions made elsewhere into the cache, as a sweep like any other. Tables \
(CSV, Parquet, JSON lines; text gzipped or not) have one row an image and run, with the columns \
image_id or path, label, seed, variant_id (or method and target_sparsity) and prediction, and may \
have confidence, true_confidence and true_rank; usual names such as file_name and ground_truth are \
understood. --wide takes tables with a column a model, --variant a file a model: also .npy, and \
the JSON lines of Hugging Face pipelines. Or .npz files, one a run, named \
<variant_id>__seed-<k>.npz, with logits or probabilities (N, C) and labels (N,). One variant must \
be 'dense', the uncompressed model. All runs are imported, or none. docs/importing.md has worked \
examples."""


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    parser = verbs.add_parser(
        "import",
        parents=[common],
        help="import predictions made elsewhere: CSV, Parquet, JSON lines, .npz, .npy",
        description=_ABOUT,
    )
    parser.add_argument(
        "files", nargs="*", metavar="FILE",
        help="files, or patterns in quotes; none is needed with --variant",
    )  # fmt: skip
    add_options(parser, ImportConfig, required=("name",))
    parser.set_defaults(run=run_import)


def run_import(options: argparse.Namespace, cache: Cache) -> int:
    """Import files."""
    from analysis.importing import import_predictions

    config = import_config(tuple(options.files), vars(options))
    with ProgressBars(sys.stderr) as bars:
        done = import_predictions(config, cache, progress=bars)
        if not config.check:
            keep_tables(cache, config.name, bars)
    n_variants = len({variant_id for variant_id, _ in done.runs})
    what = (
        f"{many(len(done.runs), 'run')} of {many(n_variants, 'variant')} on "
        f"{many(done.n_images, 'image')} of {len(done.class_names):,} classes"
    )
    if done.manifest is None:
        print(f"{config.name}: would import {what}; nothing is written (--check)")
    else:
        where = cache.root / done.manifest.name
        print(f"{config.name}: imported {what}; {many(done.manifest.n_done, 'run')} in {where}")
    for note in done.notes:
        print(f"{config.name}: {note}")
    if done.manifest is not None and done.manifest.left_out:
        reasons = (one.reason for one in done.manifest.left_out)
        print(f"{config.name}: {most_common(reasons)}")
    if not config.check:
        tell_pairing(cache, config.name)
    if done.manifest is not None:
        tell_next(done.manifest, cache, options.program)
    return 0


def import_config(files: tuple[str, ...], options: dict[str, Any]) -> ImportConfig:
    """Build the configuration of an import from its files and options.

    Raises
    ------
    UserError
        An option cannot be used.
    """
    fields = fields_of(options, ImportConfig)
    for name in ("variant", "wide"):
        fields[name] = tuple(fields.get(name, ()))
    return ImportConfig(files, columns=parse_map(fields.pop("map", [])), **fields)
