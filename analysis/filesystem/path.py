"""A place on another machine: what the cache uses of ``pathlib.Path`` and of files, over fsspec."""

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
    """A file open for reading, whose failures become plain messages.

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


T = TypeVar("T")
_STAMPS = ("ETag", "etag", "mtime", "modify", "LastModified", "last_modified", "updated", "created")


@total_ordering
@dataclass(frozen=True)
class RemotePath:
    """A file or folder by its fsspec URL; two of equal URL are equal.

    Errors are those of ``pathlib`` where a file is missing or there already, and in words
    (:mod:`analysis.filesystem.connection`) where the other machine is the matter.
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
        """The folder it lies in."""
        protocol, _, rest = self.url.partition("://")
        return RemotePath(f"{protocol}://{rest.rpartition('/')[0]}")

    def with_name(self, name: str) -> "RemotePath":
        """Another name in the same folder."""
        return self.parent / name

    def relative_to(self, folder: "RemotePath") -> PurePosixPath:
        """Name it as seen from a folder that it lies in."""
        if not self.url.startswith(folder._start):
            raise ValueError(f"{self} does not lie in {folder}")
        return PurePosixPath(self.url.removeprefix(folder._start))

    def absolute(self) -> "RemotePath":
        """Return itself: a URL means the same everywhere."""
        return self

    # --- what is there ----------------------------------------------------------------------
    def exists(self) -> bool:
        """Whether a file lies there, or anything lies under it."""
        return self._kind() is not None

    def is_file(self) -> bool:
        """Whether a file lies there."""
        return self._kind() not in (None, "directory")

    def is_dir(self) -> bool:
        """Whether it is a folder with something in it."""
        return self._kind() == "directory"

    def _kind(self) -> str | None:
        return self._do(connection.kind)

    def size(self) -> int:
        """Bytes of a file."""
        return int(self._do(lambda fs, path: fs.info(path))["size"])

    def stamp(self) -> str:
        """Tell one content of a file from another, without reading it."""
        info: dict[str, Any] = self._do(lambda fs, path: fs.info(path))
        return f"{next((info[key] for key in _STAMPS if info.get(key)), '')}-{info['size']}"

    def iterdir(self) -> Iterator["RemotePath"]:
        """Name what lies in the folder."""
        names: list[str] = self._do(lambda fs, path: fs.ls(path, detail=False))
        yield from (self / name.rstrip("/").rpartition("/")[2] for name in names)

    def files(self) -> dict[str, int]:
        """Sizes of all files below, by their names as seen from here; one listing."""

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
        """Open a file for reading: what is read of it is fetched, and no more."""

        def opened_by(fs: Any, path: str) -> tuple[Any, Any]:
            # Object stores make one request of each read; others are better at small ones.
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
        """Put a file of this machine here: whole under this name, or not at all."""
        self._replace(lambda fs, path: fs.put_file(str(source), path))

    def write_bytes(self, content: bytes) -> None:
        """Put bytes here: whole under this name, or not at all."""
        self._replace(lambda fs, path: fs.pipe_file(path, content))

    def create(self, content: bytes) -> None:
        """Put bytes here unless a file is there.

        Raises
        ------
        FileExistsError
            There is one.
        """

        def put(fs: Any, path: str) -> None:
            if connection.is_object_store(self.url):
                fs.pipe_file(path, content, mode="create")
            else:
                create_exclusively(fs, path, content)

        with self._missing_told():
            self._do(put, again=False)

    def copy_to(self, target: "RemotePath") -> None:
        """Copy a file to another place of the same file system, there if it can."""

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
        """Give a folder another name, where the file system can."""
        to = connection.filesystem(target.url, str(target))[1]
        self._do(lambda fs, path: fs.mv(path, to, recursive=True), again=False)

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete a file."""
        try:
            self._do(lambda fs, path: fs.rm_file(path))
        except (FileNotFoundError, LetheError):
            # Not every server says in so many words that there is none.
            if not missing_ok or self.is_file():
                raise

    def remove_tree(self) -> None:
        """Delete a folder and everything below; nothing where there is none."""
        try:
            self._do(lambda fs, path: fs.rm(path, recursive=True))
        except FileNotFoundError:
            return

    def _replace(self, write: Callable[[Any, str], object]) -> None:
        with self._missing_told():
            if connection.is_object_store(self.url):
                self._do(write)
            else:
                self._do(lambda fs, path: replace_by_rename(fs, path, write))

    @contextmanager
    def _missing_told(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise UserError(
                f"{self} cannot be written: its bucket or folder does not exist"
            ) from error

    # --- the connection ---------------------------------------------------------------------
    def _do(self, action: Callable[[Any, str], T], *, again: bool = True) -> T:
        return connection.act(self.url, str(self), action, again=again)
