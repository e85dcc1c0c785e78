"""One writer at a time where there are no locks, and none that a killed one holds for ever."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from analysis.errors import RunError, UserError
from analysis.filesystem import RemotePath, lock
from analysis.filesystem.lock import STALE, Lease, holder
from analysis.store import Cache
from tests.synthetic import make_sweep


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_SETTLE", 0.1)


def _left(path: RemotePath, **changes: object) -> None:
    """A lease as another process would have left it."""
    said = {"host": "elsewhere", "pid": 4711, "time": time.time(), "token": "theirs"}
    path.write_bytes(json.dumps(said | changes).encode())


def test_a_second_writer_is_told_who_the_first_is(root: RemotePath) -> None:
    first = Lease(root / ".lease", "sweep 'made'")
    first.acquire()
    try:
        held = rf"'made' is being written by process {os.getpid()} on {socket.gethostname()}"
        with pytest.raises(UserError, match=held):
            Lease(root / ".lease", "sweep 'made'").acquire()
        first.check()
    finally:
        first.release()
    assert root.files() == {}
    again = Lease(root / ".lease", "sweep 'made'")
    again.acquire()
    again.release()


def test_of_several_at_once_one_gets_the_lease() -> None:
    path = RemotePath("memory://race/.lease")
    leases = [Lease(path, "sweep 'made'") for _ in range(8)]
    got: list[Lease] = []

    def compete(one: Lease) -> None:
        try:
            one.acquire()
        except UserError:
            return
        got.append(one)

    threads = [threading.Thread(target=compete, args=(one,)) for one in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    got[0].release()


@pytest.mark.parametrize(
    "left",
    [
        {"time": time.time() - 2 * STALE},
        {"host": socket.gethostname(), "pid": "dead"},
        {"nonsense": 1},
    ],
    ids=["not kept fresh", "its process is gone", "torn"],
)
def test_the_lease_of_a_killed_writer_is_taken(root: RemotePath, left: dict[str, object]) -> None:
    if left.get("pid") == "dead":
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        left = left | {"pid": gone.pid}
    _left(root / ".lease", **left)
    taken = Lease(root / ".lease", "sweep 'made'")
    taken.acquire()
    found = holder(root / ".lease")
    assert found is not None
    assert found.pid == os.getpid()
    taken.release()


def test_a_fresh_lease_of_another_machine_is_respected(root: RemotePath) -> None:
    _left(root / ".lease")
    with pytest.raises(UserError, match="process 4711 on elsewhere"):
        Lease(root / ".lease", "sweep 'made'").acquire()
    assert (root / ".lease").is_file()


def test_a_lease_is_kept_fresh_and_a_lost_one_is_noticed_and_left_alone(
    root: RemotePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "REFRESH", 0.05)
    mine = Lease(root / ".lease", "sweep 'made'")
    mine.acquire()
    before = holder(root / ".lease")
    _until(lambda: holder(root / ".lease") != before)
    mine.check()
    _left(root / ".lease")
    _until(lambda: mine._lost is not None or _left(root / ".lease"))
    with pytest.raises(RunError, match="its lease was taken by 4711 on elsewhere"):
        mine.check()
    mine.release()
    found = holder(root / ".lease")
    assert found is not None
    assert found.token == "theirs"


def test_a_sweep_whose_lease_was_lost_writes_no_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "REFRESH", 0.05)
    make_sweep(RemotePath("memory://lost"), "made", n_images=20, seeds=1, variants=())
    folder = Cache("memory://lost").sweep("made")
    manifest = folder.manifest()
    with folder.locked():
        folder.write_manifest(manifest)
        assert folder.is_running
        _left(folder.path / ".lease")
        check = folder._check_held
        _until(lambda: _raises(check))
        with pytest.raises(RunError, match="sweep 'made': its lease was taken"):
            folder.write_manifest(manifest)
    (folder.path / ".lease").unlink()
    assert not folder.is_running


def _raises(check: object) -> bool:
    try:
        check()  # type: ignore[operator]
    except RunError:
        return True
    return False


def _until(condition: object) -> None:
    for _ in range(400):
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.05)
    pytest.fail("it never happened")
