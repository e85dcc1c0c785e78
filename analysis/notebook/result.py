"""The result of ``audit``: a sweep's tables, and the dashboard beside the notebook."""

import atexit
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import analysis
from analysis.errors import RunError
from analysis.results import SweepResults

_SECONDS = 60
# The process ends with that of the notebook, however that ends.
_START = (
    "import os, sys; from analysis.execution.local import end_with; end_with({parent}); "
    "from dashboard.__main__ import main; sys.exit(main(sys.argv[1:]))"
)
_RUNNING: "dict[str, tuple[subprocess.Popen[bytes], int]]" = {}


class Audit:
    """A sweep that was just made, with all tables and properties of ``lethe.load_sweep``.

    Among them are ``summary()``, ``pies("int8")``, ``images("int8")`` and ``classes()``.

    Parameters
    ----------
    results : SweepResults
        The sweep.
    notes : tuple of str
        Notes on models, scores and images.
    """

    def __init__(self, results: SweepResults, notes: tuple[str, ...] = ()) -> None:
        self.results, self.notes = results, notes

    @property
    def name(self) -> str:
        """Name of the sweep in the cache."""
        return self.results.manifest.name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "results":
            raise AttributeError(name)
        return getattr(self.results, name)

    def __dir__(self) -> list[str]:
        shown = [name for name in dir(self.results) if not name.startswith("_")]
        return sorted({*super().__dir__(), *shown})

    def show(self, variant: str | None = None) -> "Address":
        """Open this sweep in the dashboard, which is started in the background if necessary.

        Parameters
        ----------
        variant : str, optional
            The variant to open it with.

        Raises
        ------
        RunError
            The dashboard does not start.
        """
        cache = str(self.results.folder.path.parent.absolute())
        port = _serve(cache)
        query = {"sweep": self.name} | ({} if variant is None else {"variant": variant})
        return Address(f"http://127.0.0.1:{port}/?{urllib.parse.urlencode(query)}")

    def __repr__(self) -> str:
        lines = [repr(self.results).replace("SweepResults", "Audit", 1), *self.notes]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return self.results._repr_html_() + (f"<ul>{notes}</ul>" if notes else "")


@dataclass(frozen=True)
class Address:
    """Address of the dashboard, shown as a link in a notebook."""

    address: str

    def __str__(self) -> str:
        return self.address

    def _repr_html_(self) -> str:
        shown = escape(self.address)
        return f'<a href="{shown}" target="_blank" rel="noopener">{shown}</a>'


def stop() -> None:
    """Stop every dashboard that this process started."""
    for process, _ in _RUNNING.values():
        if process.poll() is None:
            process.terminate()
    for process, _ in _RUNNING.values():
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
    _RUNNING.clear()


def _serve(cache: str) -> int:
    """Return the port of the dashboard of a cache, which is started if none runs."""
    if cache in _RUNNING and _RUNNING[cache][0].poll() is None:
        return _RUNNING[cache][1]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    root = Path(analysis.__file__).resolve().parents[1]
    paths = [str(root), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    command = [sys.executable, "-c", _START.format(parent=os.getpid()), "--cache", cache,
               "--port", str(port), "--headless"]  # fmt: skip
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)},
    )
    if not _RUNNING:
        atexit.register(stop)
    _RUNNING[cache] = process, port
    started = time.monotonic()
    while not _answers(port):
        if process.poll() is not None or time.monotonic() - started > _SECONDS:
            process.kill()
            del _RUNNING[cache]
            raise RunError(
                f"the dashboard did not start; 'python -m dashboard --cache {cache}' says why"
            )
        time.sleep(0.1)
    return port


def _answers(port: int) -> bool:
    address = f"http://127.0.0.1:{port}/_stcore/health"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
