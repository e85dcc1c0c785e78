"""Write files atomically: under another name, flushed, then renamed.

Local and remote folders are handled alike.
"""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from analysis.errors import RunError
from analysis.filesystem import Location, RemotePath
from analysis.filesystem.connection import TEMPORARY
from analysis.filesystem.copies import locally


@contextmanager
def replacing(path: Location) -> Iterator[Path]:
    """Yield a path to write to; its file replaces ``path`` once it is flushed to disk.

    A remote file is written locally first, then uploaded.

    Raises
    ------
    UserError
        The other machine refused it; ``path`` is unchanged.
    RunError
        The disk or the connection failed; ``path`` is unchanged.
    """
    try:
        with _uploaded(path) if isinstance(path, RemotePath) else _renamed(path) as temporary:
            yield temporary
    except OSError as error:
        raise RunError(f"{path} could not be written: {error.strerror or error}") from error


@contextmanager
def _renamed(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with swapping(path) as temporary:
        yield temporary
        flush(temporary)
    flush_folder(path.parent)


@contextmanager
def swapping(path: Path) -> Iterator[Path]:
    """Yield a path to write to; its file replaces ``path`` without a flush.

    For files that can be remade. Readers of the earlier file, such as workers of a killed sweep, go
    on reading it unchanged.
    """
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def create(path: Location, content: bytes) -> None:
    """Write a new file atomically, unless it exists.

    Raises
    ------
    FileExistsError
        The file exists.
    RunError
        The disk or the connection failed.
    """
    if isinstance(path, RemotePath):
        path.create(content)
        return
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        flush(temporary)
        _link(temporary, path)
        flush_folder(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise RunError(f"{path} could not be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _link(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        # Without hard links: claim the name first, then replace the empty file.
        path.open("xb").close()
        os.replace(temporary, path)


def remove_temporary(folder: Path) -> None:
    """Remove partial files of killed processes from a locked folder."""
    for name in child_names(folder):
        if name.startswith(TEMPORARY):
            (folder / name).unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Flush a file's content to disk."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Flush a local folder's entries to disk, if the file system supports it."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EROFS):
            raise
    finally:
        os.close(descriptor)


@contextmanager
def _uploaded(path: RemotePath) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lethe-") as folder:
        temporary = Path(folder) / path.name
        yield temporary
        path.upload(temporary)


def sha256(path: Location) -> str:
    """Return the SHA-256 of a file's bytes, hexadecimal."""
    with locally(path) as here, here.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sizes(folder: Location) -> dict[str, int]:
    """Return the bytes of every file below a folder by relative name; {} if it is missing.

    Raises
    ------
    RunError
        A folder cannot be listed.
    """
    if isinstance(folder, RemotePath):
        return folder.files()
    found = {}
    for path in _below(folder):
        status = _status(path)
        if status is not None and stat.S_ISREG(status.st_mode):
            found[path.relative_to(folder).as_posix()] = status.st_size
    return found


def _below(folder: Path) -> Iterator[Path]:
    """Yield all paths below a folder without following links."""
    for name in child_names(folder):
        path = folder / name
        yield path
        status = _status(path, follow=False)
        if status is not None and stat.S_ISDIR(status.st_mode):
            yield from _below(path)


def _status(path: Path, *, follow: bool = True) -> os.stat_result | None:
    """Return the status of a path; None only if it does not exist.

    Raises
    ------
    RunError
        The path cannot be read.
    """
    try:
        return os.stat(path, follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None  # an invalid name, such as one with a null byte, does not exist
    except OSError as error:
        raise unreadable(path, error) from error


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    status = _status(path)
    return status is not None and kind(status.st_mode)


def unreadable(path: Location, error: OSError) -> RunError:
    """Return an error for a place that cannot be read now, whatever its content."""
    return RunError(f"{path} cannot be read: {error.strerror or error}")


def is_file(path: Location) -> bool:
    """Return whether a path is a file.

    Raises
    ------
    RunError
        The path cannot be read: disk, server or permissions.
    """
    return path.is_file() if isinstance(path, RemotePath) else _is(path, stat.S_ISREG)


def is_dir(path: Location) -> bool:
    """Return whether a path is a folder.

    Raises
    ------
    RunError
        The path cannot be read.
    """
    return path.is_dir() if isinstance(path, RemotePath) else _is(path, stat.S_ISDIR)


def exists(path: Location) -> bool:
    """Return whether a path exists; a broken link does not.

    Raises
    ------
    RunError
        The path cannot be read.
    """
    return path.exists() if isinstance(path, RemotePath) else _status(path) is not None


def links_out(folder: Location) -> list[str]:
    """Return the sorted links below a local folder that lead out of it."""
    if isinstance(folder, RemotePath):
        return []
    inside = folder.resolve()
    return sorted(
        path.relative_to(folder).as_posix()
        for path in _below(folder)
        if path.is_symlink() and not path.resolve().is_relative_to(inside)
    )


def relative(path: Location, folder: Location) -> str:
    """Return the name of a file relative to a folder."""
    match path, folder:
        case RemotePath(), RemotePath():
            return path.relative_to(folder).as_posix()
        case Path(), Path():
            return path.relative_to(folder).as_posix()
    raise ValueError(f"{path} does not lie in {folder}")


def size(path: Location) -> int:
    """Return the bytes of a file."""
    return path.size() if isinstance(path, RemotePath) else path.stat().st_size


def stamp(path: Location) -> str:
    """Return a stamp that changes with a file's content, without reading it; "" if missing."""
    try:
        if isinstance(path, RemotePath):
            return path.stamp()
        status = path.stat()
        return f"{status.st_mtime_ns}-{status.st_size}"
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return f"unreadable-{error.errno}"  # reading the file raises the error


def child_names(folder: Location) -> list[str]:
    """Return the sorted names in a folder, [] if it is missing.

    Raises
    ------
    RunError
        The folder cannot be listed.
    """
    try:
        return sorted(path.name for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RunError(f"{folder} cannot be listed: {error.strerror or error}") from error


@contextmanager
def readable(path: Location) -> Iterator[Any]:
    """Yield a source for pyarrow: a local path, or an open remote file."""
    if isinstance(path, RemotePath):
        with path.open() as file:
            yield file
    else:
        yield path


def remove_tree(folder: Location, *, missing_ok: bool = False) -> None:
    """Delete a folder and all below it; with ``missing_ok`` it may be missing."""
    if isinstance(folder, RemotePath):
        folder.remove_tree()
    elif not (missing_ok and _status(folder, follow=False) is None):
        shutil.rmtree(folder)
