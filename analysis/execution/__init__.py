"""Where jobs run: pools of worker processes, here or on several machines, with one face."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
ATTEMPTS = 3
# The status of a worker that ended itself because its job took longer than it may.
OVERDUE = 124


class Pool(Protocol):
    """The part of ``concurrent.futures.Executor`` that is used, and how many jobs run at a time.

    A job whose worker dies is begun again on another, at most ``ATTEMPTS`` times altogether; then
    its future fails. No other job is lost.
    """

    n_workers: int

    def submit(self, fn: Callable[..., T], /, *args: Any) -> "Future[T]":
        """Run a function in a worker."""
