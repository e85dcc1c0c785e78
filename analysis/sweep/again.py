"""Reopen a finished sweep with its models in workers and its images decoded."""

from collections.abc import Iterator
from contextlib import contextmanager

from analysis.datasets import open_dataset
from analysis.datasets.preprocess import Progress
from analysis.execution import Pool
from analysis.store import Cache
from analysis.store.manifest import Manifest
from analysis.sweep.record import check_fingerprint
from analysis.sweep.source import ModelSource, SweepData


@contextmanager
def reopened(
    source: ModelSource, cache: Cache, before: Manifest, *, progress: Progress
) -> Iterator[Pool]:
    """Yield a pool that can run the models of a finished sweep; lock the sweep's folder.

    Parameters
    ----------
    source : ModelSource
    cache : Cache
        The cache that holds the sweep.
    before : Manifest
        The manifest of the sweep.

    Raises
    ------
    UserError
        Its data or models are missing or have changed, or another process writes to it.
    """
    folder = cache.existing(source.name)
    source.check(before)
    dataset = source.select(open_dataset(source.dataset, max_value=source.max_value))
    with source.pool(cache.root.absolute()) as pool:
        source.start(pool, dataset)
        data = SweepData(dataset, dataset.fingerprint(), {})
        check_fingerprint(before, data.fingerprint)
        source.resolve(pool, dataset, before)
        with folder.locked(), source.inputs(folder, data, progress):
            yield pool
