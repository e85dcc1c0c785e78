"""Files that are whole or absent: written under another name, flushed, then renamed.

Folders of this machine and of another are handled alike.
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
    """Give a path to write to; what was written there replaces ``path`` once it is on disk.

    A remote file is written here first, then put there whole.

    Raises
    ------
    UserError
        The other machine refused it; ``path`` is as it was.
    RunError
        The disk or the connection refused it; ``path`` is as it was.
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
    """Give a path to write to, whose file then takes the place of ``path``: not flushed.

    For what can be made again. Whoever reads the earlier file goes on reading it, whole: a worker
    of a run that was killed may do so while the next run makes the same files.
    """
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{threading.get_ident()}-{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def create(path: Location, content: bytes) -> None:
    """Write a new file, whole or not at all, and nothing where there is one.

    Raises
    ------
    FileExistsError
        There is one.
    RunError
        The disk or the connection refused it.
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
        # A disk without hard links: the name is taken first, and only then holds the content.
        path.open("xb").close()
        os.replace(temporary, path)


def remove_temporary(folder: Path) -> None:
    """Remove files that a killed process left half-written in a folder that is locked."""
    for name in child_names(folder):
        if name.startswith(TEMPORARY):
            (folder / name).unlink(missing_ok=True)


def flush(path: Path) -> None:
    """See a file's content on the disk."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """See on the disk what a folder of this machine is said to hold, after a file came or went.

    Where a file system knows no such thing (Windows, some network ones) nothing is done.
    """
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
    """SHA-256 of a file's bytes, hexadecimal."""
    with locally(path) as here, here.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sizes(folder: Location) -> dict[str, int]:
    """Bytes of every file below a folder, by name as seen from it; none where it is not there.

    Raises
    ------
    RunError
        A folder cannot be listed.
    """
    if isinstance(folder, RemotePath):
        return folder.files()
    found = {}
    for path in _below(folder):
        described = _described(path)
        if described is not None and stat.S_ISREG(described.st_mode):
            found[path.relative_to(folder).as_posix()] = described.st_size
    return found


def _below(folder: Path) -> Iterator[Path]:
    """Name all that lies below a folder; what a link leads to is not looked into."""
    for name in child_names(folder):
        path = folder / name
        yield path
        described = _described(path, follow=False)
        if described is not None and stat.S_ISDIR(described.st_mode):
            yield from _below(path)


def _described(path: Path, *, follow: bool = True) -> os.stat_result | None:
    """Return the status of a path; None only where it does not exist.

    Raises
    ------
    RunError
        That cannot be told.
    """
    try:
        return os.stat(path, follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None  # of what no file can be called, such as a name with a null byte, there is none
    except OSError as error:
        raise unreadable(path, error) from error


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    described = _described(path)
    return described is not None and kind(described.st_mode)


def unreadable(path: Location, error: OSError) -> RunError:
    """Say that a place cannot be read now, which says nothing of what lies there."""
    return RunError(f"{path} cannot be read: {error.strerror or error}")


def is_file(path: Location) -> bool:
    """Whether a file lies there.

    Raises
    ------
    RunError
        That cannot be told: the disk, the server or the rights are the matter.
    """
    return path.is_file() if isinstance(path, RemotePath) else _is(path, stat.S_ISREG)


def is_dir(path: Location) -> bool:
    """Whether a folder lies there.

    Raises
    ------
    RunError
        That cannot be told.
    """
    return path.is_dir() if isinstance(path, RemotePath) else _is(path, stat.S_ISDIR)


def exists(path: Location) -> bool:
    """Whether anything lies there; a link that leads nowhere is nothing.

    Raises
    ------
    RunError
        That cannot be told.
    """
    return path.exists() if isinstance(path, RemotePath) else _described(path) is not None


def links_out(folder: Location) -> list[str]:
    """Name the links below a folder of this machine that lead out of it, sorted."""
    if isinstance(folder, RemotePath):
        return []
    inside = folder.resolve()
    return sorted(
        path.relative_to(folder).as_posix()
        for path in _below(folder)
        if path.is_symlink() and not path.resolve().is_relative_to(inside)
    )


def relative(path: Location, folder: Location) -> str:
    """Name a file as seen from a folder that it lies in."""
    match path, folder:
        case RemotePath(), RemotePath():
            return path.relative_to(folder).as_posix()
        case Path(), Path():
            return path.relative_to(folder).as_posix()
    raise ValueError(f"{path} does not lie in {folder}")


def size(path: Location) -> int:
    """Bytes of a file."""
    return path.size() if isinstance(path, RemotePath) else path.stat().st_size


def stamp(path: Location) -> str:
    """Tell one content of a file from another, without reading it; empty where there is none."""
    try:
        if isinstance(path, RemotePath):
            return path.stamp()
        described = path.stat()
        return f"{described.st_mtime_ns}-{described.st_size}"
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return f"unreadable-{error.errno}"  # reading the file raises the error


def child_names(folder: Location) -> list[str]:
    """Names of what lies in a folder, sorted; none where there is no such folder.

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
    """Give what pyarrow reads a file from: its path, or an open remote file."""
    if isinstance(path, RemotePath):
        with path.open() as file:
            yield file
    else:
        yield path


def remove_tree(folder: Location, *, missing_ok: bool = False) -> None:
    """Delete a folder and all below it; with ``missing_ok`` it need not be there."""
    if isinstance(folder, RemotePath):
        folder.remove_tree()
    elif not (missing_ok and _described(folder, follow=False) is None):
        shutil.rmtree(folder)
