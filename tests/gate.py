"""Sweeps of another process that stand still half-way until a test lets them go on."""

import os
from pathlib import Path

import pytest


class Gate:
    """A gate that is shut until :meth:`open`; processes started after it was made stop at it."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file = place / "gate-is-open"
        path = [str(Path(__file__).parent / "gated"), os.environ.get("PYTHONPATH", "")]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, path)))
        monkeypatch.setenv("LETHE_TEST_GATE", str(self._file))

    def open(self) -> None:
        self._file.touch()
