"""Local copies of remote files: one file temporarily, or a folder for workers.

Folders are named by content and remote place and kept in the temporary folder, one copy for all
processes of a user. Copies unused for a day are deleted when the next one is made.
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
    """Yield a local path of a file: itself, or a temporary copy."""
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="lethe-") as folder:
        copy = Path(folder) / place.name
        place.download(copy)
        yield copy


@contextmanager
def working_folder() -> Iterator[Path]:
    """Yield a private temporary folder; :func:`share` may take its files."""
    folder = _root() / f"{TEMPORARY}{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class SharedFolder:
    """A shared folder of files that workers map: its remote place and the hash of its content."""

    remote: RemotePath
    key: str

    def here(self) -> Path:
        """Return the local folder, fetched atomically if it is missing.

        Raises
        ------
        RunError
            The files are not available or have changed.
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
                raise RunError(f"{self.remote} does not have the model inputs of this sweep")
            os.replace(temporary, folder)

    def remove_here(self) -> None:
        """Delete this machine's copy."""
        with self._locked() as folder:
            shutil.rmtree(folder, ignore_errors=True)


def share(folder: Path, remote: RemotePath) -> SharedFolder:
    """Upload a folder's files for all machines; the folder becomes the local copy."""
    key = _digest(folder)
    shared = SharedFolder(remote / key, key)
    uploaded = shared.remote.files()
    for file in sorted(folder.iterdir()):
        if uploaded.get(file.name) != file.stat().st_size:
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
