# ruff: noqa: F811
"""What the page Sweeps does with sweeps that are there."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from analysis.config import parse_variants
from analysis.store import Cache
from analysis.sweep.command import extending
from dashboard import permissions
from dashboard.sweeps import launch
from tests.conftest import small_sweep
from tests.dashboard.test_pages import open_page  # noqa: F401
from tests.synthetic import make_sweep


def _field(app: Any, key: str) -> Any:
    return next(one for one in (*app.text_input, *app.selectbox, *app.number_input)
                if one.key == key)  # fmt: skip


def _told(app: Any) -> str:
    return " ".join(one.value for one in (*app.success, *app.error)).replace("\\", "")


def test_a_sweep_is_renamed(tmp_path: Path, open_page: Any) -> None:
    make_sweep(tmp_path, n_images=30, seeds=2)
    app = open_page("sweeps")
    assert app.button(key="rename-made").disabled
    _field(app, "new-name-made").set_value("better").run()
    app.button(key="rename-made").click().run()
    assert not app.exception
    assert Cache(tmp_path).names() == ["better"]
    assert "made is called better now" in _told(app)


@pytest.mark.parametrize("new", ["../out", "a/b", "<b>", "taken"])
def test_a_name_that_cannot_be_is_told_and_nothing_changes(
    tmp_path: Path,
    open_page: Any,
    new: str,
) -> None:
    make_sweep(tmp_path, n_images=30, seeds=2)
    make_sweep(tmp_path, "taken", n_images=30, seeds=2)
    app = open_page("sweeps")
    _field(app, "new-name-made").set_value(new).run()
    app.button(key="rename-made").click().run()
    assert not app.exception
    assert app.error
    assert sorted(Cache(tmp_path).names()) == ["made", "taken"]


def test_removing_asks_for_the_name(tmp_path: Path, open_page: Any) -> None:
    make_sweep(tmp_path, n_images=30, seeds=2)
    make_sweep(tmp_path, "other", n_images=30, seeds=2)
    app = open_page("sweeps")
    assert app.button(key="remove-other").disabled
    _field(app, "remove-name-other").set_value("made").run()
    assert app.button(key="remove-other").disabled
    _field(app, "remove-name-other").set_value("other").run()
    app.button(key="remove-other").click().run()
    assert not app.exception
    assert Cache(tmp_path).names() == ["made"]
    assert "other was removed" in _told(app)


def test_what_verify_finds_is_told(tmp_path: Path, open_page: Any) -> None:
    folder = make_sweep(tmp_path, n_images=30, seeds=2)
    app = open_page("sweeps")
    app.button(key="verify-made").click().run()
    assert "every file is as the manifest says" in _told(app)
    folder.prediction_path("dense", 0).unlink()
    app.button(key="verify-made").click().run()
    assert not app.exception
    assert "seed-0.parquet" in _told(app)


def test_two_halves_are_merged(tmp_path: Path, open_page: Any) -> None:
    folder = make_sweep(tmp_path, n_images=30, seeds=2)
    shutil.copytree(folder.path, tmp_path / "copy")
    app = open_page("sweeps")
    _field(app, "merge-with-made").set_value("copy").run()
    _field(app, "merge-name-made").set_value("both").run()
    app.button(key="merge-made").click().run()
    assert not app.exception
    assert sorted(Cache(tmp_path).names()) == ["both", "copy", "made"]
    assert Cache(tmp_path).sweep("both").verify() == []


def test_a_damaged_sweep_can_be_verified_and_removed(
    tmp_path: Path,
    open_page: Any,
) -> None:
    make_sweep(tmp_path, n_images=30, seeds=2)
    folder = make_sweep(tmp_path, "torn", n_images=30, seeds=2)
    (folder.path / "manifest.json").write_text("{")
    app = open_page("sweeps")
    assert "rename-torn" not in {one.key for one in app.button}
    app.button(key="verify-torn").click().run()
    assert not app.exception
    assert app.error
    _field(app, "remove-name-torn").set_value("torn").run()
    app.button(key="remove-torn").click().run()
    assert not app.exception
    assert Cache(tmp_path).names() == ["made"]


def test_a_dashboard_that_is_read_only_offers_nothing(
    tmp_path: Path,
    open_page: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_sweep(tmp_path, n_images=30, seeds=2)
    monkeypatch.setattr(permissions, "is_read_only", lambda: True)
    app = open_page("sweeps")
    assert not {one.key for one in app.button} & {"verify-made", "rename-made", "remove-made"}


def test_more_is_made_of_a_trained_sweep(
    swept: Any,
    tmp_path: Path,
    open_page: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(swept.path, tmp_path / "small")
    started: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(launch, "start", lambda _, name, words: started.append((name, words)))
    app = open_page("sweeps")
    assert app.button(key="extend-small").disabled
    _field(app, "more-seeds-small").set_value(3).run()
    _field(app, "more-variants-small").set_value("magnitude=0.5").run()
    _field(app, "more-corruptions-small").set_value("fog=3").run()
    app.button(key="extend-small").click().run()
    assert not app.exception
    ((name, words),) = started
    assert name == "small"
    assert words == extending(swept.manifest(), 3, ["magnitude=0.5"], ["fog=3"])


def test_what_cannot_be_made_is_told_before_it_is_started(
    swept: Any,
    tmp_path: Path,
    open_page: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(swept.path, tmp_path / "small")
    started: list[object] = []
    monkeypatch.setattr(launch, "start", lambda *given: started.append(given))
    app = open_page("sweeps")
    _field(app, "more-variants-small").set_value("nonsense=0.5").run()
    app.button(key="extend-small").click().run()
    assert not app.exception
    assert "nonsense" in _told(app)
    assert not started


def test_words_that_extend_a_sweep_make_it_so(swept: Any, tmp_path: Path) -> None:
    """The command takes the last number of seeds, and adds to what there is."""
    from analysis.cli.main import main

    shutil.copytree(swept.path, tmp_path / "small")
    words = extending(swept.manifest(), 3, ["magnitude=0.5"], [])
    assert main([*words, "--cache", str(tmp_path), "--device", "cpu", "--workers", "1"]) == 0
    manifest = Cache(tmp_path).sweep("small").manifest()
    assert len(manifest.seeds) == 3
    asked = {one.variant_id for one in small_sweep().variants + parse_variants(["magnitude=0.5"])}
    assert asked <= {one.variant_id for one in manifest.variants}
    assert manifest.is_complete
