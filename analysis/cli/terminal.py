"""What the verbs print: text of the data cannot move the cursor, colour a line or hide one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from analysis.visible import visible


class _Guarded:
    """A stream that writes out what a terminal would obey."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write text, control characters as their names."""
        return int(self.stream.write(visible(text)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def guarded() -> Iterator[None]:
    """Guard everything that is printed to standard output."""
    stream, guard = sys.stdout, _Guarded(sys.stdout)
    sys.stdout = guard
    try:
        yield
    finally:
        # Left alone where a broken pipe was closed meanwhile.
        if sys.stdout is guard:
            sys.stdout = stream


def write_data(text: str) -> None:
    """Write a table to standard output: to the byte into a file or pipe, guarded on a terminal."""
    out = sys.stdout
    exact = out.stream if isinstance(out, _Guarded) and not out.isatty() else out
    exact.write(text)


def tell(text: str) -> None:
    """Print a line to standard error."""
    print(visible(text), file=sys.stderr)
