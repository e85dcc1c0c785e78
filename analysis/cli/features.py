"""``features``: a few numbers an image in which alike ones lie close together; ``map``: of them."""

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
Make the features of a sweep's images: what one dense model, that of the lowest seed, computes \
before its last layer, reduced to at most 128 principal components; the logits of a model whose \
format does not show more. The page Map, nearest neighbours and slices rest on them. A sweep makes \
them itself as its last step; this makes them for one that has none, or anew. Of a sweep that was \
imported, --from FILE.npy brings them."""


_ABOUT_MAP = """\
Lay the images out in two dimensions by UMAP, so that those with alike features lie close \
together, and keep that under derived/. The page Map does the same when it is first opened."""


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verb to the parser."""
    parser = verbs.add_parser(
        "features",
        parents=[common],
        help="make the features of a sweep's images, which its map is drawn from",
        description=_ABOUT,
    )
    parser.add_argument("sweep", metavar="SWEEP")
    parser.add_argument(
        "--from", dest="given", metavar="FILE.npy", type=Path,
        help="take features of your own, (N, D), a row an image by image_id",
    )  # fmt: skip
    parser.add_argument(
        "--out", metavar="FILE.npy", type=Path,
        help="write those of the sweep to a file, float32; makes them only where it has none",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="what a model runs on (default: auto)")
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
        help="write it too: image_id, x and y, both from 0 to 1",
    )  # fmt: skip
    drawn.add_argument("--steps", action="store_true", help=argparse.SUPPRESS)
    drawn.set_defaults(run=run_map)


def run_features(options: argparse.Namespace, cache: Cache) -> int:
    """Make, bring or write features."""
    folder = cache.existing(options.sweep)
    if options.given is not None:
        from analysis.importing.features import import_features

        import_features(folder, options.given)
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
            f"sweep '{folder.name}' was imported, and its model is not here; '{command}' brings "
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
    # An option of one variant alone would be of none without its model.
    if seeds and not any(":" in one.partition("=")[0] for one in _session_options(manifest)):
        run = f"{DENSE_ID}@{seeds[0]}="
        words = words[:models] + [one for one in words[models:] if one.startswith(run)]
    # The model was evaluated, so it ends: how long it may take was said there.
    given = options_of_words(words) | {"device": device, "time_limit": 0.0}
    config = external_models.asked_from(given)
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
    folder, said = cache.existing(options.sweep), sys.stdout
    with ProgressBars(sys.stderr) as bars:

        def told(done: int, total: int) -> None:
            bars("map", done, total)
            if options.steps:
                print(f"map {done}/{total}", file=said, flush=True)

        with contextlib.redirect_stdout(io.StringIO()):  # what the library prints of its steps
            placed = make_map(folder, told)
    print(f"{folder.name}: a map of {len(placed):,} images")
    if options.out is not None:
        table = pd.DataFrame({"image_id": range(len(placed)), "x": placed[:, 0], "y": placed[:, 1]})
        with replacing(options.out) as temporary:
            table.to_csv(temporary, index=False)
        print(f"{folder.name}: written to {options.out}")
    return 0
