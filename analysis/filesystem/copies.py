"""Copies on this machine of what lies on another: one file for a moment, or a folder for workers.

Folders are named by what they hold and where it is shared, and lie in the machine's temporary
folder, one copy for all processes of a user. One that nobody opened for a day is deleted when the
next one is made.
"""

import hashlib
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from analysis.errors import RunError
from analysis.filesystem import Location
from analysis.filesystem.connection import TEMPORARY
from analysis.filesystem.path import RemotePath
from analysis.filesystem.private import private_folder

_UNUSED_SECONDS = 24 * 3600.0


@contextmanager
def locally(place: Location) -> Iterator[Path]:
    """Give a file's path on this machine: itself, or a copy for as long as it is needed."""
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="lethe-") as folder:
        copy = Path(folder) / place.name
        place.download(copy)
        yield copy


@contextmanager
def working_folder() -> Iterator[Path]:
    """Give a folder of one's own, for files that :func:`share` then takes or that are deleted."""
    folder = _root() / f"{TEMPORARY}{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class SharedFolder:
    """A folder of files that workers map: where it lies for all, and the hash of its content."""

    remote: RemotePath
    key: str

    def here(self) -> Path:
        """Folder on this machine, fetched where it is not there yet: once, whole or not at all.

        Raises
        ------
        RunError
            It is not to be had, or not what was put there.
        """
        with self._locked() as folder:
            if not folder.is_dir():
                _delete_unused()
                self._fetch(folder)
            os.utime(folder)
        return folder

    @contextmanager
    def _locked(self) -> Iterator[Path]:
        name = hashlib.sha256(self.remote.url.encode()).hexdigest()
        with filelock.FileLock(_root() / f"{name}.lock"):
            yield _root() / name

    def _fetch(self, folder: Path) -> None:
        with working_folder() as temporary:
            for name in self.remote.files():
                (self.remote / name).download(temporary / name)
            if _digest(temporary) != self.key:
                raise RunError(f"{self.remote} does not hold the model inputs of this sweep")
            os.replace(temporary, folder)

    def remove_here(self) -> None:
        """Delete this machine's copy."""
        with self._locked() as folder:
            shutil.rmtree(folder, ignore_errors=True)


def share(folder: Path, remote: RemotePath) -> SharedFolder:
    """Put a folder's files where all machines see them; the folder becomes this machine's copy."""
    key = _digest(folder)
    shared = SharedFolder(remote / key, key)
    there = shared.remote.files()
    for file in sorted(folder.iterdir()):
        if there.get(file.name) != file.stat().st_size:
            (shared.remote / file.name).upload(file)
    with shared._locked() as here:
        shutil.rmtree(here, ignore_errors=True)
        os.replace(folder, here)
    return shared


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def _root() -> Path:
    return private_folder("inputs")


def _delete_unused() -> None:
    for path in _root().iterdir():
        try:
            is_old = time.time() - path.stat().st_mtime > _UNUSED_SECONDS
        except FileNotFoundError:
            continue
        if is_old and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif is_old:
            path.unlink(missing_ok=True)
