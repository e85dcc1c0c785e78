"""Progress bars on a terminal, nothing elsewhere."""

from typing import Any, Self, TextIO

from tqdm import tqdm


class ProgressBars:
    """One bar a phase; called with (phase, done, total). Silent where the stream is no terminal."""

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
        """Show that ``done`` of ``total`` are done."""
        if not self.stream.isatty():
            return
        if phase != self.phase:
            if self.bar is not None:
                self.bar.close()
            self.phase = phase
            # What an earlier start had done must not count into the speed.
            self.bar = tqdm(desc=phase, total=total, initial=done, file=self.stream, leave=True)
        self.bar.update(done - self.bar.n)
