import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from analysis.store import Cache
from dashboard.sweeps import launch
from dashboard.sweeps.process import State
from tests.dashboard.conftest import ROOT
from tests.synthetic import make_sweep


def start(*arguments, **options):
    command = [sys.executable, "-m", "dashboard", "--headless", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, **options)


def refused(*arguments):
    process = start(*arguments)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Traceback" not in errors
    return errors


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_port_in_use_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} is in use" in refused("--cache", tmp_path, "--port", port)


def test_a_port_out_of_range_is_refused(tmp_path):
    assert "expected a number from 1 to 65535" in refused("--cache", tmp_path, "--port", 0)


def test_a_cache_that_is_a_file_is_refused(tmp_path):
    path = tmp_path / "cache"
    path.write_text("")
    assert "this is a file" in refused("--cache", path, "--port", free_port())


def test_a_demo_is_wanted_where_there_is_no_sweep_or_an_unfinished_demo(tmp_path):
    assert launch.is_demo_wanted(tmp_path / "nowhere")
    folder = make_sweep(tmp_path, "demo")
    assert not launch.is_demo_wanted(tmp_path)
    manifest = folder.manifest()
    manifest.run("dense", 0).state = "planned"
    folder.write_manifest(manifest)
    assert launch.is_demo_wanted(tmp_path)
    with folder.locked():
        assert not launch.is_demo_wanted(tmp_path)


def test_another_sweep_is_enough(tmp_path):
    make_sweep(tmp_path, "mine")
    assert not launch.is_demo_wanted(tmp_path)


def test_a_demo_that_fails_says_why(tmp_path):
    path = tmp_path / "cache"
    path.write_text("a file, no folder")
    launch.start_demo(path)
    try:
        for _ in range(2400):
            if not launch.state().is_running:
                break
            time.sleep(0.1)
        failure = launch.state().failure
        assert failure
        assert "Traceback" not in failure
    finally:
        launch.stop_all()
    assert launch.state() == State()


@pytest.mark.skipif(os.name == "nt", reason="an interrupt as a terminal sends it")
def test_an_interrupt_ends_the_app_and_the_demo_beside_it(tmp_path):
    process = start("--demo", "--cache", tmp_path, "--port", free_port(), start_new_session=True)
    sweep = Cache(tmp_path).sweep("demo")
    try:
        for _ in range(2400):
            if sweep.exists and sweep.is_running:
                break
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.1)
        assert sweep.is_running
        process.send_signal(signal.SIGINT)
        process.wait(60)
    finally:
        if process.poll() is None:
            process.kill()
        process.stderr.close()
    assert process.returncode == 0
    assert not sweep.is_running


def test_secrets_that_cannot_be_read_start_nothing(tmp_path, monkeypatch):
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text("[auth\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "nobody is let in" in refused("--cache", tmp_path, "--port", free_port())


def test_an_address_that_is_none_is_refused(tmp_path):
    arguments = ("--cache", tmp_path, "--port", free_port(), "--address")
    assert "no such address" in refused(*arguments, "no such host")
    assert "192.0.2.1" in refused(*arguments, "192.0.2.1")


@pytest.mark.parametrize(
    ("address", "more", "warns"),
    [
        ("127.0.0.1", (), False),
        ("localhost", (), False),
        ("0.0.0.0", (), True),
        ("0.0.0.0", ("--read-only",), False),
    ],
)
def test_an_address_for_others_warns_unless_nothing_can_be_changed(tmp_path, address, more, warns):
    from dashboard import __main__ as command

    options = command._parser().parse_args(["--cache", str(tmp_path), "--address", address, *more])
    assert (command._warning(options) is not None) is warns
    known = command._addresses(options)
    assert known["server.address"] == address
    assert ("browser.serverAddress" in known) is (address == "0.0.0.0")


def test_a_proxy_is_known_by_its_host_and_path(tmp_path):
    from dashboard import __main__ as command

    asked = ("--public-host", "lethe.example.org", "--base-path", "/lethe/")
    options = command._parser().parse_args(["--cache", str(tmp_path), *asked])
    assert command._addresses(options) == {
        "server.address": "127.0.0.1",
        "browser.serverAddress": "lethe.example.org",
        "server.baseUrlPath": "lethe",
    }
    assert command._url(options) == "http://127.0.0.1:8501/lethe"
