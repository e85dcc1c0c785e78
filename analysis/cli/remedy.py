"""The verb ``remedy``: restore forgotten images, by a cascade or by layers in float."""

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from analysis import schema
from analysis.cli import external_models
from analysis.cli.console import ProgressBars, tell
from analysis.cli.next_steps import with_cache
from analysis.cli.sweep import sweep_from
from analysis.errors import UserError
from analysis.export.cascade_files import write_cascade
from analysis.presentation.formatting import count, percent
from analysis.presentation.layer_findings import (
    chosen_set,
    layers_sentence,
    layers_text,
    names_in,
)
from analysis.presentation.why_findings import cascade_sentence
from analysis.presentation.why_missing import no_cascade
from analysis.results import SweepResults
from analysis.store import Cache
from analysis.store.manifest import Manifest
from analysis.sweep.command import sweep_words, variant_option, written

_CASCADE = """\
cascade: send the least certain answers of a compressed model to the dense one. The threshold is \
chosen on one half of the images; the forgotten images left, accuracy and latency are of the other \
half. With several runs, sending them to another compressed run is the control."""


def _cascade(options: argparse.Namespace, cache: Cache) -> int:
    """Print the cascade's curve; with ``--out`` write thresholds and code that uses them."""
    results = SweepResults(cache.existing(options.sweep))
    if options.out and not options.variant:
        raise UserError("--variant is missing: --out writes the thresholds of one variant")
    table = results.cascade(options.variant)
    if table.empty:
        variants = [options.variant] if options.variant else results.compressed_ids
        if not variants:
            raise UserError(
                f"sweep '{options.sweep}' has no compressed variant with a finished run"
            )
        raise UserError(
            f"sweep '{options.sweep}': {no_cascade(results, variants[0]).removesuffix('.')}"
        )
    for variant_id, rows in table.groupby(schema.VARIANT_ID, sort=False):
        print(f"{cascade_sentence(rows)}\n{_cascade_text(rows)}")
        if options.out:
            measure = results.cascade_measure(str(variant_id)) or schema.CONFIDENCE
            for path in write_cascade(rows, Path(options.out), measure):
                print(f"{path}: {count(path.stat().st_size)} bytes")
    return 0


def _cascade_text(rows: pd.DataFrame) -> str:
    lines = ["  sent     forgotten left  [95 % interval]    top-1   control  latency"]
    for row in rows.to_dict("records"):
        interval = f"[{percent(row['forgotten_left_low'])}, {percent(row['forgotten_left_high'])}]"
        latency = "–" if pd.isna(row["mean_latency_ms"]) else f"{row['mean_latency_ms']:.3g} ms"
        lines.append(
            f"  {percent(row['share_sent_found']):>7}  {percent(row['forgotten_left']):>14}  "
            f"{interval:<18} {percent(row['top1'], 2):>8}  "
            f"{percent(row['control_forgotten_left']):>7}  {latency}"
        )
    return "\n".join(lines) + "\n"


_LAYERS = """\
layers: put one layer of a compressed model back to float at a time, evaluate it on the test \
images, and count the forgotten images that come back; then the two to four best together. Layers \
are ranked on one half of the images and evaluated on the other. For variants made from the dense \
weights: quantized ones, weights pruned under --schedule oneshot, and an external QDQ ONNX file \
beside its float file. The table is kept with the sweep."""


def _layers(options: argparse.Namespace, cache: Cache) -> int:
    """Find culprit layers, store and print their table; with ``--out`` write the lists."""
    from analysis.export.layer_lists import write_layer_lists
    from analysis.sweep.layers import chosen_seed, culprit_layers

    if not options.variant:
        raise UserError("--variant is missing: 'layers' examines one variant, such as int8-static")
    if options.workers is not None and options.workers < 1:
        raise UserError(f"--workers {options.workers}: expected at least 1")
    folder = cache.existing(options.sweep)
    manifest = folder.manifest()
    chosen_seed(manifest, options.variant, options.seed)  # before anything is opened
    with ProgressBars(sys.stderr) as bars:
        result = culprit_layers(
            source_of(manifest, options.workers, bars),
            cache,
            options.variant,
            options.seed,
            progress=bars,
            wants_graph=bool(options.out),
        )
    print(layers_sentence(result.table))
    print(f"{layers_text(result.table)}\n")
    if result.note:
        tell(f"lethe: note: {result.note}")
    if options.out:
        paths = write_layer_lists(result.table, Path(options.out), result.graph, result.calibration)
        for path in paths:
            print(f"{path}: {count(path.stat().st_size)} bytes")
    command = next_command(manifest, result.table, cache)
    if command is not None:
        print(f"these layers in float as a variant of the sweep:\n    {command}")
    return 0


def source_of(manifest: Manifest, n_workers: int | None, progress: Any) -> Any:
    """Return the models of a sweep, from the command that made it."""
    from analysis.cli.main import build_parser
    from analysis.sweep.external import ExternalSource
    from analysis.sweep.trained import TrainedSource

    options = vars(build_parser().parse_args(sweep_words(manifest)))
    if manifest.origin == "external":
        return ExternalSource(
            # They were evaluated within the sweep's time limit, so none is needed here.
            external_models.config_from(options | {"time_limit": 0.0}),
            n_workers,
            progress=progress,
            say=lambda _: None,
            warn=lambda line: tell(f"lethe: {line}"),
        )
    return TrainedSource(
        sweep_from(options), n_workers, manifest.device.device or "auto", "local", None
    )


def next_command(manifest: Manifest, table: Any, cache: Cache) -> str | None:
    """Write the command that adds the recommended layers in float as a variant, if there is one.

    Parameters
    ----------
    manifest : Manifest
    table : DataFrame
        The layers table of one variant.
    cache : Cache
        Cache of the sweep.
    """
    from analysis.compression.registry import load_files, quantization
    from analysis.config import FLOAT_LAYERS, parse_variants

    if manifest.origin != "trained":
        return None
    best = chosen_set(table)
    load_files(manifest.config.method_files)
    (_, variant) = parse_variants([variant_option(str(best["variant_id"]))])
    if quantization(variant) is None:
        return None
    names = ",".join(sorted({*variant.float_layers, *names_in(best["layers"])}))
    added = f"{variant.steps[0].method}{FLOAT_LAYERS}{names}"
    return with_cache(written([*sweep_words(manifest), "--variants", added]), cache)


def missing(sweep: str, variant_id: str | None, cache: Cache, manifest: Manifest) -> UserError:
    """Return the error for a sweep without a table of layers, with the command that makes it."""
    known = sorted(manifest.variants[1:], key=lambda one: one.target_sparsity is not None)
    variant = variant_id or (known[0].variant_id if known else "ID")
    command = written(["remedy", sweep, "layers", "--variant", variant])
    return UserError(
        f"sweep '{sweep}' has no table of layers{f' of {variant_id}' if variant_id else ''}, or "
        f"its runs were made again since; this makes it:\n    {with_cache(command, cache)}"
    )


_REMEDIES = {"cascade": (_CASCADE, _cascade), "layers": (_LAYERS, _layers)}


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb ``remedy``."""
    parser = verbs.add_parser(
        "remedy",
        parents=[common],
        help="restore forgotten images, and what that costs",
        description=" ".join(about for about, _ in _REMEDIES.values()),
    )
    parser.add_argument("sweep", metavar="SWEEP")
    parser.add_argument("remedy", metavar="REMEDY", choices=_REMEDIES, help=", ".join(_REMEDIES))
    parser.add_argument("--variant", metavar="ID", help="the compressed variant")
    parser.add_argument(
        "--out", metavar="DIR", help="also write files to use it: lists, Python, the table"
    )
    parser.add_argument(
        "--seed",
        metavar="K",
        type=int,
        help="layers: the run to examine (default: the lowest seed)",
    )
    parser.add_argument(
        "--workers", metavar="N", type=int, help="layers: processes (default: one a core)"
    )
    parser.set_defaults(run=run_remedy)


def run_remedy(options: argparse.Namespace, cache: Cache) -> int:
    """Evaluate one remedy."""
    _, run = _REMEDIES[options.remedy]
    return run(options, cache)
