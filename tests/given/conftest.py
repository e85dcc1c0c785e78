"""Two models of the digits in a folder of their own, and a pool that is this process."""

import contextlib
from pathlib import Path

import pytest

from analysis.external import evaluate
from analysis.sweep import tasks
from benchmarks._inline import InlinePool
from tests.given.nets import write_linear


@pytest.fixture
def in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run jobs here, but in the test that is of the workers too."""
    if "real_workers" not in request.fixturenames:
        # A worker keeps models open by their names, and lives no longer than its sweep.
        evaluate._opened.cache_clear()
        monkeypatch.setattr(tasks, "pool", lambda *_, **__: contextlib.nullcontext(InlinePool()))


@pytest.fixture
def real_workers() -> None:
    """Ask for worker processes."""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two linear classifiers of the digits, one of them a little off."""
    monkeypatch.chdir(tmp_path)
    write_linear(Path("net.onnx"))
    write_linear(Path("slim.onnx"), noise=0.3)
    return tmp_path
