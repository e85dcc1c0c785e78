"""A finished sweep opened again, as it was made: its models in workers, its images decoded."""

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
def opened_again(
    source: ModelSource, cache: Cache, before: Manifest, *, progress: Progress
) -> Iterator[Pool]:
    """Give the pool in which the models of a sweep can be run again; its folder is locked.

    Parameters
    ----------
    source : ModelSource
    cache : Cache
        Where the sweep lies.
    before : Manifest
        The sweep's, as it was read.

    Raises
    ------
    UserError
        Its data or its models are not there, or are others; or another process writes to it.
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
