"""Pools of worker processes, on this machine or on several, with one interface."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
ATTEMPTS = 3
# Exit status of a worker that ended itself because its job exceeded a time limit.
OVERDUE = 124


class Pool(Protocol):
    """The part of ``concurrent.futures.Executor`` in use, and the number of parallel jobs.

    A job whose worker dies restarts on another, up to ``ATTEMPTS`` times in all; then its future
    fails. No other job is affected.
    """

    n_workers: int

    def submit(self, fn: Callable[..., T], /, *args: Any) -> "Future[T]":
        """Run a function in a worker."""
