"""Commands that the screen gives to type work when pasted, from any folder."""

import shlex
import subprocess
import sys
from pathlib import Path

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
