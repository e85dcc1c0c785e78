"""The verbs ``features``, which computes image features, and ``map``, which lays images out."""

import argparse
import contextlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analysis.cli import external_models
from analysis.cli.console import ProgressBars, tell
from analysis.cli.next_steps import with_cache
from analysis.cli.sweep import options_of_words, sweep_from
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.filesystem.atomic import replacing
from analysis.store import Cache, SweepFolder
from analysis.store.features import FEATURES, about_features, read_features
from analysis.store.manifest import Manifest

_ABOUT = """\
Compute the features of a sweep's images: the input of the last layer of one dense model, that of \
the lowest seed, reduced to at most 128 principal components; or its logits, if its format exposes \
no more. The page Map, nearest neighbours and slices need them. A sweep computes them as its last \
step; this verb computes or replaces them. For an imported sweep, --from FILE.npy adds them."""


_ABOUT_MAP = """\
Lay the images out in two dimensions by UMAP, so that those with similar features lie close \
together, and store the map under derived/. The page Map does the same when it is first opened."""


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    parser = verbs.add_parser(
        "features",
        parents=[common],
        help="compute the features of a sweep's images, which its map needs",
        description=_ABOUT,
    )
    parser.add_argument("sweep", metavar="SWEEP")
    parser.add_argument(
        "--from", dest="source", metavar="FILE.npy", type=Path,
        help="use features of your own, (N, D), a row an image by image_id",
    )  # fmt: skip
    parser.add_argument(
        "--out", metavar="FILE.npy", type=Path,
        help="write the features to a file, float32; computed only if the sweep has none",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="device of the model (default: auto)")
    parser.set_defaults(run=run_features)
    drawn = verbs.add_parser(
        "map",
        parents=[common],
        help="lay the images of a sweep out in two dimensions, for the page Map",
        description=_ABOUT_MAP,
    )
    drawn.add_argument("sweep", metavar="SWEEP")
    drawn.add_argument(
        "--out", metavar="FILE.csv", type=Path,
        help="also write it: image_id, x and y, both from 0 to 1",
    )  # fmt: skip
    drawn.add_argument("--steps", action="store_true", help=argparse.SUPPRESS)
    drawn.set_defaults(run=run_map)


def run_features(options: argparse.Namespace, cache: Cache) -> int:
    """Compute, import or write features."""
    folder = cache.existing(options.sweep)
    if options.source is not None:
        from analysis.importing.features import import_features

        import_features(folder, options.source)
    elif options.out is None or FEATURES not in folder.manifest().files:
        _make(folder, cache, options)
    values = read_features(folder)
    assert values is not None  # made above
    n, width = values.shape
    print(f"{folder.name}: {about_features(folder)}: {width} features of {n:,} images")
    if options.out is not None:
        _write(options.out, values)
        print(f"{folder.name}: written to {options.out}")
    return 0


def _write(path: Path, values: Any) -> None:
    if path.suffix != ".npy":
        raise UserError(f"--out {path}: expected a file .npy")
    import numpy as np

    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.save(file, values)


def _make(folder: SweepFolder, cache: Cache, options: argparse.Namespace) -> None:
    manifest = folder.manifest()
    if manifest.origin == "imported":
        command = with_cache(f"{options.program} features {folder.name} --from FILE.npy", cache)
        raise UserError(
            f"sweep '{folder.name}' was imported without its model; '{command}' adds "
            "features, a row an image"
        )
    from analysis.sweep.features import make_features

    make_source = _of_models if manifest.origin == "external" else _of_training
    with ProgressBars(sys.stderr) as bars:
        source = make_source(manifest, options.device, bars)
        make_features(source, cache, progress=bars)


def _of_training(manifest: Manifest, device: str, _: Any) -> Any:
    from analysis.sweep.command import sweep_words
    from analysis.sweep.trained import TrainedSource

    sweep = sweep_from(options_of_words(sweep_words(manifest)[1:]))
    return TrainedSource(sweep, 1, device, "local", None)


def _of_models(manifest: Manifest, device: str, bars: Callable[[str, int, int], None]) -> Any:
    from analysis.sweep.command import sweep_words
    from analysis.sweep.external import ExternalSource

    words = sweep_words(manifest)[1:]
    models = words.index("--models") + 1
    seeds = manifest.done_seeds(DENSE_ID)
    # An option for one variant would apply to none without its model.
    if seeds and not any(":" in one.partition("=")[0] for one in _session_options(manifest)):
        run = f"{DENSE_ID}@{seeds[0]}="
        words = words[:models] + [one for one in words[models:] if one.startswith(run)]
    # The model was evaluated within the sweep's time limit, so none is needed here.
    options = options_of_words(words) | {"device": device, "time_limit": 0.0}
    config = external_models.config_from(options)
    return ExternalSource(
        config, 1, progress=bars, say=lambda line: None, warn=lambda line: tell(f"lethe: {line}")
    )


def _session_options(manifest: Manifest) -> list[str]:
    return [str(one) for one in manifest.config.options.get("session_option", ())]


def run_map(options: argparse.Namespace, cache: Cache) -> int:
    """Make the map of a sweep's images."""
    import pandas as pd

    from analysis.results.image_map import make_map

    if options.out is not None and options.out.suffix != ".csv":
        raise UserError(f"--out {options.out}: expected a file .csv")
    folder, out = cache.existing(options.sweep), sys.stdout
    with ProgressBars(sys.stderr) as bars:

        def on_progress(done: int, total: int) -> None:
            bars("map", done, total)
            if options.steps:
                print(f"map {done}/{total}", file=out, flush=True)

        with contextlib.redirect_stdout(io.StringIO()):  # the library prints its steps
            placed = make_map(folder, on_progress)
    print(f"{folder.name}: a map of {len(placed):,} images")
    if options.out is not None:
        table = pd.DataFrame({"image_id": range(len(placed)), "x": placed[:, 0], "y": placed[:, 1]})
        with replacing(options.out) as temporary:
            table.to_csv(temporary, index=False)
        print(f"{folder.name}: written to {options.out}")
    return 0
