"""What follows once a sweep's runs are there: its tables, and what looks wrong."""

from collections.abc import Callable

from analysis.store import Cache


def keep_tables(cache: Cache, name: str, progress: Callable[[str, int, int], None]) -> None:
    """Compute and keep what the first look at a sweep would wait for."""
    from analysis.results import SweepResults

    SweepResults(cache.existing(name)).keep_tables(progress)


def tell_pairing(cache: Cache, name: str) -> None:
    """Say where runs that are taken as independent look made from each other."""
    from analysis.pairing_hint import pairing_hints
    from analysis.results import SweepResults

    for hint in pairing_hints(SweepResults(cache.existing(name))):
        print(f"{name}: {hint}")
