"""Copies of what workers map: fetched once, whole, and not kept for ever."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from analysis.errors import RunError
from analysis.filesystem import RemotePath, copies
from analysis.filesystem.copies import SharedFolder, locally, share, working_folder


def _shared(remote: RemotePath) -> SharedFolder:
    with working_folder() as folder:
        np.save(folder / "train.npy", np.arange(1000))
        np.save(folder / "test.npy", np.arange(10))
        return share(folder, remote)


def _other_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(other))
    return other


def test_the_machine_that_made_the_files_fetches_nothing(
    root: RemotePath, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = _shared(root)
    monkeypatch.setattr(RemotePath, "download", lambda *_: pytest.fail("it was fetched"))
    assert np.load(shared.here() / "train.npy").sum() == 499_500
    assert shared.here().is_relative_to(scratch)
    assert not list(scratch.rglob(".tmp-*"))


@pytest.mark.usefixtures("scratch")
def test_another_machine_fetches_them_once_for_all_its_workers(
    root: RemotePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = _shared(root).here()
    other = _other_machine(tmp_path, monkeypatch)
    shared = SharedFolder(next(root.iterdir()), next(root.iterdir()).name)
    fetched = []
    download = RemotePath.download

    def slowly(path: RemotePath, to: Path) -> None:
        fetched.append(path.name)
        to.write_bytes(b"half")
        time.sleep(0.05)
        download(path, to)

    monkeypatch.setattr(RemotePath, "download", slowly)
    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(lambda _: shared.here(), range(8)))
    assert set(places) == {shared.here()}
    assert sorted(fetched) == ["test.npy", "train.npy"]
    assert shared.here().is_relative_to(other)
    for name in fetched:
        assert (shared.here() / name).read_bytes() == (made / name).read_bytes()


@pytest.mark.usefixtures("scratch")
def test_files_that_are_not_what_was_shared_are_refused(
    root: RemotePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = _shared(root)
    (shared.remote / "test.npy").write_bytes(b"something else")
    other = _other_machine(tmp_path, monkeypatch)
    with pytest.raises(RunError, match="does not have the model inputs"):
        shared.here()
    assert not [path for path in other.rglob("*") if path.is_dir() and path.parent != other]


@pytest.mark.usefixtures("scratch")
def test_copies_that_nobody_uses_any_more_are_deleted_when_another_is_made() -> None:
    old, young = (_shared(RemotePath(f"memory://copies/{name}")) for name in ("old", "young"))
    place = old.here()
    long_ago = time.time() - 2 * copies._UNUSED_SECONDS
    os.utime(place, (long_ago, long_ago))
    kept = young.here()
    young.remove_here()
    assert not kept.exists()
    young.here()
    assert kept.exists()
    assert not place.exists()
    assert old.here() == place


def test_a_file_is_lent_for_as_long_as_it_is_needed(root: RemotePath, scratch: Path) -> None:
    (root / "weights").write_bytes(b"weights")
    with locally(root / "weights") as here:
        assert here.read_bytes() == b"weights"
    assert not here.exists()
    with locally(scratch) as same:
        assert same == scratch
