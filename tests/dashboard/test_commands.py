"""Commands that the screen gives to type work when pasted, from any folder."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.cli.main import main
from analysis.sweep.command import naming_cache
from dashboard import shell
from dashboard.commands import typed
from tests.synthetic import make_sweep


def test_a_command_names_the_cache_it_means(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("LETHE_CACHE", str(tmp_path / "a cache; rm x"))
    words = shlex.split(typed(("verify", "demo")))
    assert words == [
        "python", "-m", "analysis", "verify", "--cache", str(tmp_path / "a cache; rm x"), "demo",
    ]  # fmt: skip


def test_a_relative_cache_is_named_from_anywhere(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LETHE_CACHE", "cache")
    assert str(tmp_path / "cache") in shlex.split(typed(("demo",)))


def test_a_pasted_command_works(tmp_path: Path, monkeypatch) -> None:
    make_sweep(tmp_path / "it's here", n_images=20, seeds=1)
    monkeypatch.setenv("LETHE_CACHE", str(tmp_path / "it's here"))
    line = typed(("verify", "made")).replace("python", shlex.quote(sys.executable), 1)
    root = Path(__file__).parents[2]
    done = subprocess.run(line, shell=True, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_password_in_the_address_is_not_shown(monkeypatch) -> None:
    monkeypatch.setenv("LETHE_CACHE", "sftp://ann:secret@host/cache")
    assert "secret" not in typed(("list",))


MESSAGES = (
    "x.parquet is missing; 'python -m analysis verify made' lists what is wrong",
    "x is damaged; 'lethe verify made' lists what is wrong, and more",
    "no features; 'python -m analysis features made' makes them",
    "there: none yet; 'python -m analysis demo' makes one",
    "left out: python -m analysis export made images --out images.parquet",
)


@pytest.mark.parametrize("message", MESSAGES)
def test_commands_in_messages_name_the_cache_once(message):
    named = naming_cache(message, "/a b/c")
    assert named.count("--cache '/a b/c'") == 1
    assert naming_cache(named, "/other") == named
    assert named.replace(" --cache '/a b/c'", "") == message


@pytest.mark.parametrize("text", ["lethe verifying", "this is a fault of Lethe itself", "lethe is"])
def test_what_is_no_command_stays(text):
    assert naming_cache(text, "/a") == text


def test_a_failure_on_the_screen_and_on_the_terminal_names_the_cache(tmp_path, monkeypatch, capsys):
    folder = make_sweep(tmp_path, n_images=20, seeds=1)
    (folder.path / "images.parquet").unlink()
    monkeypatch.delenv("LETHE_CACHE", raising=False)
    assert main(["export", "made", "images", "--cache", str(tmp_path)]) == 3
    assert f"verify --cache {tmp_path} made" in capsys.readouterr().err
    monkeypatch.setenv("LETHE_CACHE", str(tmp_path))
    shown = []
    monkeypatch.setattr(shell.st, "error", lambda text, **_: shown.append(text))
    shell.tell("broken; 'python -m analysis verify made' lists what is wrong")
    assert "--cache" in shown[0].replace("\\", "")
