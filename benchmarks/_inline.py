"""A pool of workers that is this process, so that it can be changed, killed or told an error."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any


class InlinePool:
    """Makes one job after another, at once."""

    n_workers = 1

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        """Run a function here."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def inline_pool(*_: object, **__: object) -> Iterator[InlinePool]:
    """Open it in place of ``analysis.sweep.tasks.pool``."""
    yield InlinePool()
