"""A worker pool that runs in this process, where tests can patch, kill or fail it."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any


class InlinePool:
    """Runs each job at once, in this process."""

    n_workers = 1

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        """Run a function and return its finished future."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def inline_pool(*_: object, **__: object) -> Iterator[InlinePool]:
    """Stand in for ``analysis.sweep.tasks.pool``."""
    yield InlinePool()
