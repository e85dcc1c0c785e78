import importlib.util
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis.filesystem import RemotePath

KINDS = ("memory", "local", "ftp")


@pytest.fixture(scope="session")
def ftp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A file server on loopback: its address, and the folder it serves."""
    if importlib.util.find_spec("pyftpdlib") is None:
        pytest.skip("pyftpdlib is not installed (requirements-dev.txt)")
    served = tmp_path_factory.mktemp("ftp")
    port = free_port()
    command = [sys.executable, "-m", "pyftpdlib", "-i", "127.0.0.1", "-p", str(port), "-w"]
    command += ["-d", str(served), "-u", "me", "-P", "secret"]
    with (served / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(server, port)
        yield f"ftp://me:secret@127.0.0.1:{port}", served
    finally:
        server.terminate()
        server.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(server: "subprocess.Popen[bytes]", port: int) -> None:
    for _ in range(2400):
        assert server.poll() is None, "the file server ended at once"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the file server did not answer")


def place_of(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh folder of one kind: an object store, a file system with renames, a true server."""
    name = uuid.uuid4().hex
    if kind == "memory":
        return f"memory://{name}"
    if kind == "local":
        return f"local://{tmp_path}/{name}"
    return f"{request.getfixturevalue('ftp_server')[0]}/{name}"


@pytest.fixture(params=KINDS)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> RemotePath:
    """A fresh folder, once of each kind."""
    return RemotePath(place_of(request.param, request, tmp_path))


@pytest.fixture(params=["local", "ftp"])
def seen_root(request: pytest.FixtureRequest, tmp_path: Path) -> RemotePath:
    """A fresh folder that other processes see too."""
    return RemotePath(place_of(request.param, request, tmp_path))


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of this machine, empty."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder
