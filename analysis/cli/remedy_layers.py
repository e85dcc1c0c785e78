"""``remedy SWEEP layers``: which layers of a compressed model cost the answers of its images."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from analysis.cli import external_models
from analysis.cli.console import ProgressBars, tell
from analysis.cli.next_steps import default_cache
from analysis.cli.sweep import sweep_from
from analysis.errors import UserError
from analysis.presentation.formatting import count
from analysis.presentation.layer_findings import (
    chosen_set,
    layers_sentence,
    layers_text,
    names_in,
)
from analysis.store import Cache
from analysis.store.manifest import Manifest
from analysis.sweep.command import sweep_words, variant_option, written

ABOUT = """\
layers: put one layer of a compressed model back to float at a time, evaluate it on the test \
images, and count the forgotten images that come back; then the two to four best together. Layers \
are ranked on one half of the images and shown on the other. For variants made from the dense \
weights: quantized ones, weights pruned under --schedule oneshot, and an external QDQ ONNX file \
beside its float file. The table is kept with the sweep."""


def add_options(parser: Any) -> None:
    """Add the options of ``layers`` alone to the parser of ``remedy``."""
    parser.add_argument(
        "--seed",
        metavar="K",
        type=int,
        help="layers: the run to look at (default: the lowest seed)",
    )
    parser.add_argument(
        "--workers", metavar="N", type=int, help="layers: processes (default: one a core)"
    )


def run(options: argparse.Namespace, cache: Cache) -> int:
    """Find the layers, keep the table, print it, and write the lists where they are asked for."""
    from analysis.export.layer_lists import write_layer_lists
    from analysis.sweep.layers import chosen_seed, culprit_layers

    if not options.variant:
        raise UserError("--variant is missing: 'layers' looks at one variant, such as int8-static")
    if options.workers is not None and options.workers < 1:
        raise UserError(f"--workers {options.workers}: expected at least 1")
    folder = cache.existing(options.sweep)
    manifest = folder.manifest()
    chosen_seed(manifest, options.variant, options.seed)  # before anything is opened
    with ProgressBars(sys.stderr) as bars:
        found = culprit_layers(
            source_of(manifest, options.workers, bars),
            cache,
            options.variant,
            options.seed,
            progress=bars,
            wants_graph=bool(options.out),
        )
    print(layers_sentence(found.table))
    print(f"{layers_text(found.table)}\n")
    if found.note:
        tell(f"lethe: note: {found.note}")
    if options.out:
        paths = write_layer_lists(found.table, Path(options.out), found.graph, found.calibration)
        for path in paths:
            print(f"{path}: {count(path.stat().st_size)} bytes")
    said = next_command(manifest, found.table, cache)
    if said is not None:
        print(f"these layers in float as a variant of the sweep:\n    {said}")
    return 0


def source_of(manifest: Manifest, n_workers: int | None, progress: Any) -> Any:
    """Return the models of a sweep as the command that made it says them."""
    from analysis.cli.main import build_parser
    from analysis.sweep.external import ExternalSource
    from analysis.sweep.trained import TrainedSource

    given = vars(build_parser().parse_args(sweep_words(manifest)))
    if manifest.origin == "external":
        return ExternalSource(
            # They were evaluated, so they end: how long they may take was said there.
            external_models.asked_from(given | {"time_limit": 0.0}),
            n_workers,
            progress=progress,
            say=lambda _: None,
            warn=lambda line: tell(f"lethe: {line}"),
        )
    return TrainedSource(
        sweep_from(given), n_workers, manifest.device.device or "auto", "local", None
    )


def next_command(manifest: Manifest, table: Any, cache: Cache) -> str | None:
    """Write the command that makes the layers to go by a variant of its own; None without one.

    Parameters
    ----------
    manifest : Manifest
    table : DataFrame
        The layers table of one variant.
    cache : Cache
        Where the sweep lies.
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
    asked = f"{variant.steps[0].method}{FLOAT_LAYERS}{names}"
    command = written([*sweep_words(manifest), "--variants", asked])
    return f"{command}{where(cache)}"


def where(cache: Cache) -> str:
    """Write the option that names a cache, as it is pasted; nothing where it is the usual one."""
    is_usual = f"{cache.root}" == default_cache()
    return "" if is_usual else f" --cache {shlex.quote(f'{cache.root}')}"


def missing(sweep: str, variant_id: str | None, cache: Cache, manifest: Manifest) -> UserError:
    """Say that a sweep has no layers yet, and what makes them."""
    known = sorted(manifest.variants[1:], key=lambda one: one.target_sparsity is not None)
    variant = variant_id or (known[0].variant_id if known else "ID")
    command = written(["remedy", sweep, "layers", "--variant", variant])
    return UserError(
        f"sweep '{sweep}' has no table of layers{f' of {variant_id}' if variant_id else ''}, or "
        f"its runs were made again since; this makes it:\n    {command}{where(cache)}"
    )
