"""Rank culprit layers: restore single layers of a compressed run to float, in the workers.

Each layer takes one evaluation; four more evaluate the compressed model itself and the best two,
three and four layers together.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from analysis import schema
from analysis.config import DENSE_ID
from analysis.datasets.preprocess import Progress
from analysis.errors import UserError
from analysis.stats.layers import MOST_TOGETHER, Answer, layer_rows, ranked, ranking_half
from analysis.store import Cache, SweepFolder
from analysis.store.layers import write_layers
from analysis.store.manifest import Manifest
from analysis.sweep.again import reopened
from analysis.sweep.external import ExternalSource
from analysis.sweep.source import Key
from analysis.sweep.trained import TrainedSource
from analysis.training.messages import Layer, LayerAnswer

Evaluate = Callable[[tuple[str, ...]], "Future[LayerAnswer]"]
_PHASE = "layers"
_BETWEEN = " + "


@dataclass(frozen=True)
class Culprits:
    """The table of layers, and the float graph with its calibration images if requested.

    ``note`` is a remark to print, or empty.
    """

    table: pd.DataFrame
    graph: bytes | None = None
    calibration: npt.NDArray[Any] | None = None
    note: str = ""


def chosen_seed(manifest: Manifest, variant_id: str, seed: int | None) -> int:
    """Return the requested seed, else the lowest with finished runs of both variants.

    Raises
    ------
    UserError
        The sweep was imported, or has no finished run of the variant beside one of dense.
    """
    manifest.variant(variant_id)
    if manifest.origin == "imported":
        raise UserError(
            f"sweep '{manifest.name}' was imported: it has predictions but no models whose layers "
            "could be restored; evaluate the models with 'sweep --models dense=NET.onnx "
            "int8=NET-int8.onnx'"
        )
    if variant_id == DENSE_ID:
        others = ", ".join(
            one.variant_id for one in manifest.variants if one.variant_id != DENSE_ID
        )
        raise UserError(f"--variant dense: it is the float model itself; expected {others}")
    both = sorted({*manifest.done_seeds(DENSE_ID)} & {*manifest.done_seeds(variant_id)})
    if not both:
        raise UserError(
            f"sweep '{manifest.name}' has no finished run of '{variant_id}' beside one of dense; "
            "start the sweep again to make the missing runs"
        )
    if seed is not None and seed not in both:
        raise UserError(f"--seed {seed}: expected one of {', '.join(map(str, both))}")
    return both[0] if seed is None else seed


def culprit_layers(
    source: TrainedSource | ExternalSource,
    cache: Cache,
    variant_id: str,
    seed: int | None = None,
    *,
    progress: Progress,
    wants_graph: bool = False,
) -> Culprits:
    """Rank the layers of a variant by the forgotten images they cost; store the table in the sweep.

    Parameters
    ----------
    source : TrainedSource or ExternalSource
        The models of the sweep.
    cache : Cache
    variant_id : str
    seed : int, optional
        The seed of the run; the lowest by default.
    progress : callable
        Takes a phase, the number done and the total.
    wants_graph : bool
        Whether to return the float graph and the calibration images.

    Raises
    ------
    UserError
        The variant is not made from the dense weights, its layers cannot be matched, or it forgot
        too few images to rank them.
    """
    folder = cache.existing(source.name)
    before = folder.manifest()
    run = variant_id, chosen_seed(before, variant_id, seed)
    label = folder.read_images([schema.LABEL])[schema.LABEL].to_numpy()
    n = int(_forgotten(folder, run, label).sum())
    hint = _other_seeds(folder, before, run, label) if n < 2 else ""
    check_forgotten(run, n, len(label), hint)
    with reopened(source, cache, before, progress=progress) as pool:
        stored = [
            folder.read_population(one, [schema.PREDICTION], [run[1]], len(label)).prediction[0]
            for one in (DENSE_ID, variant_id)
        ]
        layers = source.layers(pool, run).result()
        if not layers:
            raise UserError(f"variant '{variant_id}' has no layer to restore to float")
        found = judge(
            run,
            layers,
            lambda names: source.with_float(pool, run, names),
            label,
            np.asarray(stored[0]),
            progress=progress,
        )
        frame = found.table
        write_layers(folder, *run, pa.Table.from_pandas(frame, preserve_index=False))
        future = source.to_quantize(pool, run) if wants_graph else None
        graph, calibration = future.result() if future is not None else (None, None)
    changed = int((found.prediction != stored[1]).sum())
    note = (
        f"recomputed here, '{variant_id}' predicts {changed:,} of {len(label):,} images "
        "differently from the sweep: another machine or library rounds differently"
    )
    return Culprits(frame, graph, calibration, note if changed else "")


def check_forgotten(run: Key, n: int, n_images: int, hint: str = "") -> None:
    """Check that enough images are forgotten to rank layers on one half and test the other.

    Raises
    ------
    UserError
        Fewer than two are forgotten.
    """
    if n < 2:
        instead = hint or "compress further, or give more test images"
        raise UserError(
            f"'{run[0]}', seed {run[1]}, forgot {n} of {n_images:,} images; layers are ranked on "
            f"one half of those and evaluated on the other, which takes two: {instead}"
        )


def _other_seeds(folder: SweepFolder, manifest: Manifest, run: Key, label: Any) -> str:
    """Name the run that forgot most, if it forgot enough; else return an empty string."""
    seeds = sorted({*manifest.done_seeds(DENSE_ID)} & {*manifest.done_seeds(run[0])})
    n = {seed: int(_forgotten(folder, (run[0], seed), label).sum()) for seed in seeds}
    best = max(n, key=lambda seed: n[seed])
    return f"--seed {best} forgot {n[best]}" if n[best] > 1 else ""


def _forgotten(folder: SweepFolder, run: Key, label: Any) -> npt.NDArray[np.bool_]:
    dense, compressed = (
        folder.read_population(one, [schema.PREDICTION], [run[1]], len(label)).prediction[0]
        for one in (DENSE_ID, run[0])
    )
    return np.asarray((dense == label) & (compressed != label))


@dataclass(frozen=True)
class Judged:
    """The table of the layers and the current predictions of the compressed model, (N,)."""

    table: pd.DataFrame
    prediction: npt.NDArray[np.int64]


def judge(
    run: Key,
    layers: Sequence[Layer],
    evaluate: Evaluate,
    label: npt.NDArray[Any],
    dense: npt.NDArray[Any],
    *,
    progress: Progress,
) -> Judged:
    """Evaluate the compressed model, with each layer in float, and with the best ones together.

    Parameters
    ----------
    run : (str, int)
        Variant and seed.
    layers : sequence of Layer
    evaluate : callable
        Starts an evaluation with some layers in float.
    label, dense : integer arrays, shape (N,)
        True classes and predictions of the dense model.
    progress : callable
        Takes a phase, the number done and the total.

    Raises
    ------
    UserError
        Fewer than two images are forgotten: one to rank layers on and one to evaluate on.
    """
    most = min(MOST_TOGETHER, len(layers))
    total, done = len(layers) + most, 0
    progress(_PHASE, done, total)

    def collect(futures: Sequence["Future[LayerAnswer]"]) -> list[LayerAnswer]:
        nonlocal done
        for _ in as_completed(futures):
            done += 1
            progress(_PHASE, done, total)
        return [one.result() for one in futures]

    compressed = collect([evaluate(())])[0]
    dense_right, right = dense == label, compressed.prediction == label
    forgotten = dense_right & ~right
    check_forgotten(run, int(forgotten.sum()), len(label))
    half = ranking_half(forgotten)

    def evaluate_all(sets: Sequence[tuple[str, ...]]) -> list[Answer]:
        results = collect([evaluate(one) for one in sets])
        return [
            Answer(names, one.prediction == label, one.size_bytes - compressed.size_bytes)
            for names, one in zip(sets, results, strict=True)
        ]

    singles = evaluate_all([(one.name,) for one in layers])
    order = [singles[i].layers[0] for i in ranked(singles, dense_right, right, half)]
    together = evaluate_all([tuple(order[:k]) for k in range(2, most + 1)])
    by_name = {one.layers[0]: one for one in singles}
    answers = [*(by_name[name] for name in order), *together]
    rows = layer_rows(answers, dense_right, right, half)
    nodes = {one.name: one.node for one in layers}
    rows.insert(0, schema.VARIANT_ID, run[0])
    rows.insert(1, "layer", [_BETWEEN.join(one.layers) for one in answers])
    rows[schema.SEED] = run[1]
    rows["rank"] = [*range(1, len(order) + 1), *(None for _ in together)]
    rows["rank"] = rows["rank"].astype("Int64")
    rows["layers"] = [json.dumps([*one.layers], ensure_ascii=False) for one in answers]
    rows["nodes"] = [
        json.dumps([nodes[name] for name in one.layers], ensure_ascii=False) for one in answers
    ]
    return Judged(rows[list(schema.LAYERS_COLUMNS)], compressed.prediction)
