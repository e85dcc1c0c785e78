"""What is said to be written is on the disk: files, and folders after a name came or went."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.errors import RunError
from analysis.filesystem import atomic, folders
from analysis.filesystem.private import private_folder
from analysis.store import Cache, publishing, transfer
from tests.synthetic import make_sweep

pytestmark = pytest.mark.skipif(os.name != "posix", reason="folders are flushed on POSIX alone")


class Recorder:
    """Notes what is flushed and what is renamed, in order, by inode."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[tuple[str, object]] = []
        fsync, replace = os.fsync, os.replace

        def flushed(descriptor: int) -> None:
            self.events.append(("flush", os.fstat(descriptor).st_ino))
            fsync(descriptor)

        def moved(source: Path, target: Path) -> None:
            inode = os.stat(source).st_ino
            replace(source, target)
            self.events.append(("move", (inode, Path(target))))

        monkeypatch.setattr(os, "fsync", flushed)
        monkeypatch.setattr(os, "replace", moved)

    def unflushed(self) -> Iterator[str]:
        """Name files renamed before they were flushed, and folders not flushed after."""
        for i, (kind, what) in enumerate(self.events):
            if kind == "move":
                inode, target = what
                if target.is_file() and ("flush", inode) not in self.events[:i]:
                    yield f"{target} was not flushed before it was moved"
                parent = target.parent
                if parent.exists() and ("flush", parent.stat().st_ino) not in self.events[i:]:
                    yield f"{parent} was not flushed after {target.name} came"


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    return Recorder(monkeypatch)


def test_a_file_and_its_folder_are_flushed(tmp_path: Path, seen: Recorder) -> None:
    with atomic.replacing(tmp_path / "a") as temporary:
        temporary.write_text("x")
    atomic.create(tmp_path / "b", b"x")
    folder = tmp_path.stat().st_ino
    assert [kind for kind, _ in seen.events] == ["flush", "move", "flush", "flush", "flush"]
    assert seen.events[2] == seen.events[4] == ("flush", folder)
    assert not list(seen.unflushed())


def test_every_file_of_a_publish_is_flushed_before_its_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_sweep(tmp_path, n_images=20, seeds=2, variants=())
    with folder.locked(), transfer.aside(folder) as made:
        names = ["predictions/dense/seed-0.parquet", "images.parquet", "deep/er/one.txt"]
        for name in names:
            target = made.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            # Written as any library may write it, without a flush.
            there = folder.path / name
            target.write_bytes(there.read_bytes() if there.is_file() else b"new")
        inodes = {(made.path / name).stat().st_ino for name in names}
        seen = Recorder(monkeypatch)
        transfer.publish(made, folder, folder.manifest())
    moves = [
        i for i, (kind, what) in enumerate(seen.events)
        if kind == "move" and what[1].name == "manifest.json"
    ]  # fmt: skip
    before = {what for kind, what in seen.events[: moves[0]] if kind == "flush"}
    assert inodes <= before
    assert not list(seen.unflushed())
    # Those below were moved, and their folders flushed, before the manifest was at its place.
    places = {(folder.path / name).parent.stat().st_ino for name in names}
    between = {what for kind, what in seen.events[moves[0] : moves[-1]] if kind == "flush"}
    assert places <= between


def test_folders_that_are_renamed_and_filled_are_flushed(tmp_path: Path, seen: Recorder) -> None:
    make_sweep(tmp_path, n_images=20, seeds=1, variants=())
    Cache(tmp_path).rename("made", "other")
    for _ in range(2):
        with folders.filled(tmp_path / "out", own=("page",), last="page") as aside:
            (aside / "page").write_text("x")
    assert not list(seen.unflushed())


def test_a_folder_that_cannot_be_flushed_is_told_unless_the_disk_knows_no_such_thing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, code = os.fsync, errno.EINVAL

    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, "no")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    with atomic.replacing(tmp_path / "a") as temporary:
        temporary.write_text("x")
    code = errno.EIO
    with (
        pytest.raises(RunError, match="could not be written"),
        atomic.replacing(tmp_path / "a") as temporary,
    ):
        temporary.write_text("y")


def test_a_folder_of_ones_own_is_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", f"{tmp_path}")
    made = private_folder("gpus")
    assert made.stat().st_mode & 0o777 == 0o700
    assert private_folder("gpus") == made
    made.chmod(0o777)
    with pytest.raises(RunError, match="others may write"):
        private_folder("gpus")
    shutil.rmtree(made)
    (tmp_path / "elsewhere").mkdir()
    made.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="not this user's own"):
        private_folder("gpus")
    made.unlink()
    made.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    (tmp_path / "lethe-gpus-4000000").mkdir()
    with pytest.raises(RunError, match="not this user's own"):
        private_folder("gpus")


def test_a_removed_sweep_is_gone_from_the_disk(tmp_path: Path, seen: Recorder) -> None:
    folder = make_sweep(tmp_path, n_images=20, seeds=1, variants=())
    inode = folder.path.stat().st_ino
    seen.events.clear()
    publishing.take_away(folder.path)
    assert ("flush", inode) in seen.events
