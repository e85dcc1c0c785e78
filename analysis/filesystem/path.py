"""Remote paths and files over fsspec: the part of ``pathlib.Path`` that the cache uses."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import total_ordering
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self, TypeVar

from analysis.errors import LetheError, UserError
from analysis.filesystem import connection
from analysis.filesystem.connection import create_exclusively, replace_by_rename


class RemoteFile:
    """A remote file open for reading, with translated errors.

    Untranslated, a lost connection would count as damage of the file.
    """

    def __init__(self, file: Any, errors: Callable[[], AbstractContextManager[None]]) -> None:
        self._file = file
        self._errors = errors

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
        """Whether it is closed."""
        return bool(self._file.closed)

    def close(self) -> None:
        """Close the file."""
        with self._errors():
            self._file.close()

    def read(self, size: int = -1) -> bytes:
        """Read bytes from the current position."""
        with self._errors():
            return bytes(self._file.read(size))

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Read bytes into a buffer; return how many."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set the position."""
        with self._errors():
            return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """Return the position."""
        return int(self._file.tell())

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return False."""
        return False

    def seekable(self) -> bool:
        """Return True."""
        return True


T = TypeVar("T")
_STAMPS = ("ETag", "etag", "mtime", "modify", "LastModified", "last_modified", "updated", "created")


@total_ordering
@dataclass(frozen=True)
class RemotePath:
    """A file or folder by its fsspec URL.

    Errors on missing or existing files are those of ``pathlib``, errors of the other machine are
    translated (:mod:`analysis.filesystem.connection`).
    """

    url: str

    def __post_init__(self) -> None:
        protocol, _, rest = self.url.partition("://")
        object.__setattr__(self, "url", f"{protocol}://{rest.rstrip('/')}")

    # --- names ------------------------------------------------------------------------------
    def __str__(self) -> str:
        return re.sub(r"://([^/@:]*):[^/@]*@", r"://\1:***@", self.url)

    def __lt__(self, other: "RemotePath") -> bool:
        return self.url < other.url

    def __truediv__(self, name: str) -> "RemotePath":
        return RemotePath(f"{self._start}{name}")

    @property
    def _start(self) -> str:
        return self.url if self.url.endswith("://") else f"{self.url}/"

    @property
    def name(self) -> str:
        """The last part."""
        return self.url.partition("://")[2].rpartition("/")[2]

    @property
    def parent(self) -> "RemotePath":
        """Its folder."""
        protocol, _, rest = self.url.partition("://")
        return RemotePath(f"{protocol}://{rest.rpartition('/')[0]}")

    def with_name(self, name: str) -> "RemotePath":
        """Return another name in the same folder."""
        return self.parent / name

    def relative_to(self, folder: "RemotePath") -> PurePosixPath:
        """Return the path relative to a folder."""
        if not self.url.startswith(folder._start):
            raise ValueError(f"{self} does not lie in {folder}")
        return PurePosixPath(self.url.removeprefix(folder._start))

    def absolute(self) -> "RemotePath":
        """Return itself: URLs are absolute."""
        return self

    # --- properties -------------------------------------------------------------------------
    def exists(self) -> bool:
        """Return whether it is a file or has anything below it."""
        return self._kind() is not None

    def is_file(self) -> bool:
        """Return whether it is a file."""
        return self._kind() not in (None, "directory")

    def is_dir(self) -> bool:
        """Return whether it is a non-empty folder."""
        return self._kind() == "directory"

    def _kind(self) -> str | None:
        return self._do(connection.kind)

    def size(self) -> int:
        """Return the bytes of a file."""
        return int(self._do(lambda fs, path: fs.info(path))["size"])

    def stamp(self) -> str:
        """Return a stamp that changes with the file's content, without reading it."""
        info: dict[str, Any] = self._do(lambda fs, path: fs.info(path))
        return f"{next((info[key] for key in _STAMPS if info.get(key)), '')}-{info['size']}"

    def iterdir(self) -> Iterator["RemotePath"]:
        """Yield the paths in the folder."""
        names: list[str] = self._do(lambda fs, path: fs.ls(path, detail=False))
        yield from (self / name.rstrip("/").rpartition("/")[2] for name in names)

    def files(self) -> dict[str, int]:
        """Return the sizes of all files below by relative name, from one listing."""

        def listed(fs: Any, path: str) -> dict[str, int]:
            start = path.strip("/") + "/"
            found: dict[str, Any] = connection.find(fs, path)
            return {
                name.strip("/").removeprefix(start if start != "/" else ""): int(info["size"])
                for name, info in found.items()
            }

        try:
            return self._do(listed)
        except FileNotFoundError:
            return {}

    # --- reading ----------------------------------------------------------------------------
    @contextmanager
    def open(self) -> Iterator[RemoteFile]:
        """Open a file for reading; only what is read is fetched."""

        def opened_by(fs: Any, path: str) -> tuple[Any, Any]:
            # Each read is one request to an object store; others profit from a cache.
            return fs, fs.open(path, "rb", **({"cache_type": "none"} if fs.async_impl else {}))

        fs, file = self._do(opened_by)
        with RemoteFile(file, lambda: connection.using(fs, self.url, str(self))) as opened:
            yield opened

    def read_bytes(self) -> bytes:
        """Read a whole file."""
        content: bytes = self._do(lambda fs, path: fs.cat_file(path))
        return content

    def read_text(self, encoding: str = "utf-8") -> str:
        """Read a whole file as text."""
        return self.read_bytes().decode(encoding)

    def download(self, to: Path) -> None:
        """Copy a file to this machine."""
        self._do(lambda fs, path: fs.get_file(path, str(to)))

    # --- writing ----------------------------------------------------------------------------
    def upload(self, source: Path) -> None:
        """Upload a local file to this path atomically."""
        self._replace(lambda fs, path: fs.put_file(str(source), path))

    def write_bytes(self, content: bytes) -> None:
        """Write bytes to this path atomically."""
        self._replace(lambda fs, path: fs.pipe_file(path, content))

    def create(self, content: bytes) -> None:
        """Write bytes to this path unless a file exists.

        Raises
        ------
        FileExistsError
            The file exists.
        """

        def put(fs: Any, path: str) -> None:
            if connection.is_object_store(self.url):
                fs.pipe_file(path, content, mode="create")
            else:
                create_exclusively(fs, path, content)

        with self._translate_missing():
            self._do(put, again=False)

    def copy_to(self, target: "RemotePath") -> None:
        """Copy a file within the file system, on the server if possible."""

        def copy(fs: Any, path: str) -> None:
            try:
                fs.cp_file(source, path)
            except NotImplementedError:
                fs.pipe_file(path, self.read_bytes())

        if not self.is_file():
            raise FileNotFoundError(self.url)
        source = connection.filesystem(self.url, str(self))[1]
        target._replace(copy)

    def move_folder_to(self, target: "RemotePath") -> None:
        """Rename a folder, if the file system can."""
        to = connection.filesystem(target.url, str(target))[1]
        self._do(lambda fs, path: fs.mv(path, to, recursive=True), again=False)

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete a file."""
        try:
            self._do(lambda fs, path: fs.rm_file(path))
        except (FileNotFoundError, LetheError):
            # Not every server reports a missing file as such.
            if not missing_ok or self.is_file():
                raise

    def remove_tree(self) -> None:
        """Delete a folder and everything below, if it exists."""
        try:
            self._do(lambda fs, path: fs.rm(path, recursive=True))
        except FileNotFoundError:
            return

    def _replace(self, write: Callable[[Any, str], object]) -> None:
        with self._translate_missing():
            if connection.is_object_store(self.url):
                self._do(write)
            else:
                self._do(lambda fs, path: replace_by_rename(fs, path, write))

    @contextmanager
    def _translate_missing(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise UserError(
                f"{self} cannot be written: its bucket or folder does not exist"
            ) from error

    # --- the connection ---------------------------------------------------------------------
    def _do(self, action: Callable[[Any, str], T], *, again: bool = True) -> T:
        return connection.act(self.url, str(self), action, again=again)
