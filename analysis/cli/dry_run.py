"""What a sweep would do: its data, its model, the runs that are missing, and about how long."""

import argparse

from analysis import workers
from analysis.config import Sweep
from analysis.datasets import open_dataset
from analysis.plan import planned, training_steps
from analysis.pools.local import usable_cores
from analysis.store import Cache


def describe(sweep: Sweep, cache: Cache, options: argparse.Namespace) -> str:
    """Describe a sweep without writing anything; training steps are timed on drawn pixels."""
    folder = cache.sweep(sweep.name)
    dataset = open_dataset(sweep.dataset).limited(sweep.train_limit, sweep.test_limit)
    todo = planned(folder.manifest() if folder.exists else None, sweep)
    n_workers = options.workers or usable_cores()
    with workers.pool(1) as pool:
        spec, device = workers.resolve(
            pool, sweep, len(dataset.class_names), dataset.channels, dataset.native_size,
            options.device,
        ).result()  # fmt: skip
        seconds_a_step = workers.time_step(pool, sweep, spec, device).result()
    n_train = len(dataset.train)
    steps = [training_steps(sweep.training, variant, n_train) for variant, _ in todo]
    minutes = sum(steps) * seconds_a_step / n_workers / 60
    size = " x ".join(str(side) for side in spec.image_size)
    variants = ", ".join(dict.fromkeys(variant.variant_id for variant, _ in todo)) or "none left"
    return (
        f"{sweep.name}: {len(todo)} runs to do, in {folder.path}\n"
        f"dataset: {len(dataset.train)} train and {len(dataset.test)} test images, "
        f"{len(dataset.class_names)} classes\n"
        f"model: {spec.name}, {spec.parameters:,} parameters ({spec.prunable:,} prunable), "
        f"input {size}\n"
        f"variants: {variants}\n"
        f"training: {sum(map(bool, steps))} runs, {sum(steps)} steps at "
        f"{1000 * seconds_a_step:.1f} ms on {device}, {n_workers} at a time: about "
        f"{minutes:.1f} min, besides evaluation"
    )
