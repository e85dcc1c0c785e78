"""Tables of a large sweep, computed as soon as its runs are there."""

from collections.abc import Callable

from analysis.store import Cache


def keep_tables(cache: Cache, name: str, progress: Callable[[str, int, int], None]) -> None:
    """Compute and keep what the first look at a sweep would wait for."""
    from analysis.results import SweepResults

    SweepResults(cache.existing(name)).keep_tables(progress)
