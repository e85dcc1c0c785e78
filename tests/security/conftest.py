"""The hostile sweep, made once: what writes to it takes a copy."""

from pathlib import Path

import pytest

from analysis.results import SweepResults
from analysis.store import Cache
from tests.security.hostile import make_hostile


@pytest.fixture(scope="session")
def hostile_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the one sweep ``hostile``."""
    cache = tmp_path_factory.mktemp("hostile")
    make_hostile(cache)
    return cache


@pytest.fixture(scope="session")
def hostile(hostile_cache: Path) -> SweepResults:
    """The sweep, opened."""
    return SweepResults(Cache(hostile_cache).sweep("hostile"))
