"""Preprocessing mistakes that ``doctor`` identifies, its false alarms, and its time.

Five networks are trained, each with its own preprocessing (one at 224 pixels). Mistakes are planted
as other options, or another order of the classes. A mistake is identified if the options that
``doctor`` prints restore the accuracy to within a point. Mistakes that cost less than 3 points are
left out and counted. ``doctor`` must accept the correct preprocessing on several samples of images.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from analysis.datasets import open_dataset
from analysis.execution import Pool
from analysis.external.options import ExternalModelsConfig, FeedingOptions, OutputOptions
from analysis.external.spec import parse_models
from analysis.models.library import import_timm
from analysis.sweep import tasks
from analysis.sweep.examine import examine
from benchmarks import _networks as networks
from benchmarks._networks import Network

_LEAST_COST = 0.03
_AS_GOOD = 0.01
NETWORKS = (
    Network("a", "tiny_cnn", 32, FeedingOptions(named="imagenet", crop_pct=0.875), 8),
    Network("b", "tiny_cnn", 40, FeedingOptions(None, (0.485, 0.456, 0.406), (1.0, 1.0, 1.0),
                                                pixels="0..255", channels="bgr"), 8),
    Network("c", "test_resnet", 64, FeedingOptions(named="none", resize="squash",
                                                   interpolation="bilinear"), 8),
    Network("d", "test_efficientnet", 64, FeedingOptions(named="0.5", crop_pct=0.9), 8),
    Network("e", "mobilenetv3_small_050", 224, FeedingOptions(named="imagenet", crop_pct=0.875), 5),
)  # fmt: skip
_WRONG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("another normalization", {"named": "none"}), ("another normalization", {"named": "0.5"}),
    ("another normalization", {"named": "imagenet"}), ("value range", {"pixels": "0..255"}),
    ("order of colours", {"channels": "other"}), ("crop", {"crop_pct": None, "resize": None}),
    ("squashed", {"resize": "squash", "crop_pct": None}),
    ("padded", {"resize": "pad", "crop_pct": None}),
    ("colours and normalization", {"channels": "other", "named": "none"}),
    ("colours and value range", {"channels": "other", "pixels": "0..255"}),
    ("crop and colours", {"crop_pct": None, "channels": "other"}),
)  # fmt: skip


def mistakes(right: FeedingOptions) -> Iterator[tuple[str, FeedingOptions]]:
    """Yield options with a mistake or two, each with its name."""
    for name, changes in _WRONG:
        values = dict(changes)
        if values.get("channels") == "other":
            values["channels"] = "rgb" if right.channels == "bgr" else "bgr"
        if "named" in values or "pixels" in values:
            values = {"mean": None, "std": None, "pixels": None, "named": None} | values
        if values.get("resize", "") is None and right.resize == "squash":
            values["resize"] = "crop"
        wrong = replace(right, **values)
        if wrong != right:
            yield name, wrong


def with_advice(options: FeedingOptions, words: tuple[str, ...]) -> FeedingOptions:
    """Return options updated by those that doctor printed."""
    changes: dict[str, object] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name = word[2:].replace("-", "_")
            name = "named" if name == "normalize" else name
        elif name in ("mean", "std"):
            changes[name] = (*changes.get(name, ()), float(word))  # type: ignore[misc]
        else:
            changes[name] = float(word) if name == "crop_pct" else word
    base = {one.name: getattr(options, one.name) for one in fields(options)}
    if {"named", "pixels", "mean"} & changes.keys():
        base |= dict.fromkeys(("named", "pixels", "mean", "std"))
    if "resize" in changes or "crop_pct" in changes:
        base |= dict.fromkeys(("resize", "crop_pct"))
    return FeedingOptions(**(base | changes))


def main() -> int:
    """Plant the mistakes, print a line each, and count those identified."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="dataset SPEC to train and test on (default: drawn)")
    parser.add_argument("--right", type=int, default=4, help="samples of each right preprocessing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="lethe-") as folder:
        work = Path(folder)
        if options.data is None:
            networks.write_pictures(work / "pictures")
        with tasks.pool(2, device="cpu") as pool:
            return run(work, options.data or f"folder:{work / 'pictures'}", options.right, pool)


def run(work: Path, spec: str, n_right: int, pool: Pool) -> int:
    """Train, plant and examine; return 1 if a target is missed."""
    dataset, data = networks.read(spec, 2_000, 1_000)
    named, planted, cheap, alarms, samples = 0, 0, 0, 0, 0
    for network in NETWORKS:
        model = networks.trained(network, data, len(dataset.class_names))
        path = networks.write(model, network.size, work / f"{network.name}.onnx")

        accuracy = partial(accuracy_with, network, path, data)
        best = accuracy(network.right)
        print(f"{network.name}: {network.architecture} at {network.size} px, right on "
              f"{100 * best:.1f} % of {len(data.label):,} images", flush=True)  # fmt: skip
        for seed in range(n_right):
            report, order = examined(spec, path, network.right, seed=seed, pool=pool)
            samples += 1
            if report.advice is not None or order.is_wrong:
                alarms += 1
                print(f"   FALSE ALARM: {report.sentence}; {order.sentence}", flush=True)
        for name, wrong in mistakes(network.right):
            cost = best - accuracy(wrong)
            if cost < _LEAST_COST:
                cheap += 1
                continue
            report, _ = examined(spec, path, wrong, pool=pool)
            words = () if report.advice is None else report.advice.words
            repaired = accuracy(with_advice(wrong, words))
            is_named = bool(words) and repaired >= best - _AS_GOOD
            planted, named = planted + 1, named + is_named
            missed = "" if is_named else "  NOT NAMED"
            print(f"   {name}: {-100 * cost:+.1f} points; {' '.join(words) or 'nothing'} -> "
                  f"{100 * repaired:.1f} %{missed}", flush=True)  # fmt: skip
        for name, ids in orders(len(dataset.class_names)):
            file = work / "classes.txt"
            file.write_text("\n".join(dataset.class_names[i] for i in ids))
            _, order = examined(spec, path, network.right, classes=f"{file}", pool=pool)
            is_named = order.names == tuple(dataset.class_names)
            planted, named = planted + 1, named + is_named
            print(f"   {name}{'' if is_named else '  NOT NAMED'}", flush=True)
    seconds = timed(spec, work)
    print(f"named {named} of {planted} planted mistakes ({cheap} cost less than "
          f"{100 * _LEAST_COST:.0f} points and were left out); {alarms} false alarms on {samples} "
          f"right preprocessings; mobilenetv2_100 at 224 px: {seconds:.1f} s")  # fmt: skip
    return int(named < 0.95 * planted or alarms > 0)


def accuracy_with(network: Network, path: Path, data: networks.Data, how: FeedingOptions) -> float:
    """Return a network's accuracy on the test images under some preprocessing options."""
    preprocessing = networks.decided(network, how, networks.statistics_of(data))
    images = networks.inputs(network, preprocessing, data.test)
    return float((networks.predictions(path, images) == data.label).mean())


def orders(n: int) -> Iterator[tuple[str, list[int]]]:
    """Yield other orders of the classes."""
    yield "two neighbours swapped", [*range(3), 4, 3, *range(5, n)]
    yield "classes in reverse", [*range(n)][::-1]
    yield "classes moved by one", [*range(1, n), 0]


def examined(  # type: ignore[no-untyped-def]
    spec: str,
    path: Path,
    how: FeedingOptions,
    *,
    classes: str | None = None,
    seed: int = 0,
    pool: Pool | None = None,
):
    """Run doctor on the test images; another ``seed`` takes another number of them."""
    config = ExternalModelsConfig(
        "doctor", spec, parse_models([f"dense={path}"]), how, OutputOptions(classes=classes),
        split="test", test_limit=None if seed == 0 else 1_000 - 97 * seed,
    )  # fmt: skip
    return examine(config, n_workers=2, pool=pool)


def timed(spec: str, work: Path) -> float:
    """Time doctor on an untrained network of a mobile's size, in seconds."""
    n = len(open_dataset(spec).class_names)
    model = import_timm().create_model("mobilenetv2_100", num_classes=n).eval()
    path = networks.write(model, 224, work / "mobile.onnx")
    started = time.perf_counter()
    examined(spec, path, FeedingOptions(named="imagenet", crop_pct=0.875))
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
