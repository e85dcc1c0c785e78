"""A remote file as pyarrow and hashlib read it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self


class RemoteFile:
    """A file open for reading, whose failures are told in words.

    Without this, a connection that breaks while a table is read would be taken for damage.
    """

    def __init__(self, file: Any, told: Callable[[], AbstractContextManager[None]]) -> None:
        self._file = file
        self._told = told

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return bool(self._file.closed)

    def close(self) -> None:
        """Close it."""
        with self._told():
            self._file.close()

    def read(self, size: int = -1) -> bytes:
        """Read bytes from where it stands."""
        with self._told():
            return bytes(self._file.read(size))

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Read bytes into a buffer; return how many."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place of the file."""
        with self._told():
            return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """Return where it stands."""
        return int(self._file.tell())

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def writable(self) -> bool:
        """Whether it can be written: never."""
        return False

    def seekable(self) -> bool:
        """Whether it has places to go to: always."""
        return True
