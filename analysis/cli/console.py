"""The terminal: progress bars, and output that escapes control characters of data text."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, TextIO

from tqdm import tqdm

from analysis.presentation.formatting import visible


class ProgressBars:
    """One bar a phase; called with (phase, done, total). Silent unless the stream is a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.phase = ""
        self.bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Update the bar of a phase."""
        if not self.stream.isatty():
            return
        if phase != self.phase:
            if self.bar is not None:
                self.bar.close()
            self.phase = phase
            # Work of an earlier start must not count into the speed.
            self.bar = tqdm(desc=phase, total=total, initial=done, file=self.stream, leave=True)
        self.bar.update(done - self.bar.n)


class _Guarded:
    """A stream that escapes what a terminal would obey."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write text with control characters escaped."""
        return int(self.stream.write(visible(text)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def guarded() -> Iterator[None]:
    """Escape control characters in everything printed to standard output."""
    stream, guard = sys.stdout, _Guarded(sys.stdout)
    sys.stdout = guard
    try:
        yield
    finally:
        # A broken pipe may have replaced it meanwhile.
        if sys.stdout is guard:
            sys.stdout = stream


def write_data(text: str) -> None:
    """Write a table to standard output: exactly into a file or pipe, escaped on a terminal."""
    out = sys.stdout
    exact = out.stream if isinstance(out, _Guarded) and not out.isatty() else out
    exact.write(text)


def tell(text: str) -> None:
    """Print a line to standard error."""
    print(visible(text), file=sys.stderr)
