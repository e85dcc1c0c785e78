"""A worker whose model takes too long is ended: a graph may loop for ever, and nobody waits for it.

A signal of the system ends the process, so that neither a lock nor a loop in native code holds it
up. Where there is no such signal, a thread does it.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from analysis.execution import OVERDUE
from analysis.external.model import Array, Loaded

# Opening a model counts as so many images: it is read, checked and made ready.
OPENING = 10


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """End this process where what follows takes longer; 0: never."""
    if seconds <= 0:
        yield
    elif hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    else:
        timer = threading.Timer(seconds, os._exit, (OVERDUE,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def timed(loaded: Loaded, seconds: float) -> Loaded:
    """Return a model that ends its process where it takes longer than so many seconds an image."""
    if seconds <= 0:
        return loaded

    def within(run: Callable[[Array], Any]) -> Callable[[Array], Any]:
        def run_in_time(given: Array) -> Any:
            with ended_after(seconds * len(given)):
                return run(given)

        return run_in_time

    def penultimate(output: str) -> Callable[[Array], Array] | None:
        assert loaded.penultimate is not None
        with ended_after(seconds * OPENING):
            run = loaded.penultimate(output)
        return None if run is None else within(run)

    has_layer = loaded.penultimate is not None
    return replace(loaded, run=within(loaded.run), penultimate=penultimate if has_layer else None)
