"""A cache in S3, checked against a server of its protocol on this machine."""

import os
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator

import pytest

from analysis.errors import UserError
from analysis.filesystem import RemotePath
from analysis.store import Cache, SweepFolder
from analysis.sweep.run import run_sweep
from tests.conftest import digest, prediction_digests, small_sweep
from tests.remote.conftest import free_port, wait_for
from tests.test_cli import ROOT


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of S3's protocol."""
    port = free_port()
    with (tmp_path_factory.mktemp("s3") / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_for(server, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, server: str) -> str:
    """A cache in a bucket of this test's own."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": server,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{uuid.uuid4().hex}"
    request = urllib.request.Request(f"{server}/{bucket}", method="PUT")
    urllib.request.urlopen(request).close()
    return f"s3://{bucket}/lethe"


def _sweep(cache: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [
        sys.executable, "-m", "analysis", "sweep", "--dataset", "digits", "--name", "small",
        "--variants", "magnitude=0.9", "--variants", "int8-static", "--variants", "int8-dynamic",
        "--seeds", "2", "--epochs", "3", "--prune-every", "4", "--train-limit", "600",
        "--test-limit", "200", "--cache", cache, "--device", "cpu", "--workers", "2",
    ]  # fmt: skip
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=200
    )


def test_a_sweep_in_s3_makes_the_same_predictions_and_can_be_moved(
    swept: SweepFolder, bucket: str
) -> None:
    cache = Cache(bucket)
    assert run_sweep(small_sweep(), cache, n_workers=2, device="cpu").is_complete
    folder = cache.sweep("small")
    with folder.locked(), pytest.raises(UserError, match="is being written by"), folder.locked():
        pass
    with pytest.raises(FileExistsError):
        (folder.path / "manifest.json").create(b"")
    cache.rename("small", "moved")
    assert cache.names() == ["moved"]
    moved = cache.sweep("moved")
    assert moved.verify() == []
    read = {
        name: digest((moved.path / name).read_bytes())
        for name in moved.sizes()
        if name.startswith("predictions/")
    }
    assert read == prediction_digests(swept)
    cache.remove("moved")
    assert RemotePath(bucket).files() == {}


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, 3, "cannot be reached"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_EC2_METADATA_DISABLED": "true"}, 2, "access was refused"),
    ],
)
def test_what_s3_refuses_gets_one_line(
    bucket: str, changes: dict[str, str], status: int, message: str
) -> None:
    done = _sweep(bucket, **changes)
    assert done.returncode == status
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_bucket_that_is_not_there_is_named(bucket: str) -> None:
    done = _sweep(bucket.replace("bucket", "nowhere"))
    assert done.returncode == 2
    assert "its bucket or folder does not exist" in done.stderr
