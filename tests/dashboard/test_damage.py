"""One bad item never hides the rest: pages of a damaged sweep, and of one beside it."""

import json
import logging
import random
import shutil
import threading
from pathlib import Path

import pytest
import streamlit as st

from analysis.store import Cache, checking
from benchmarks._mutants import Damaged, json_mutants
from tests.dashboard.test_pages import open_page  # noqa: F401
from tests.synthetic import by_hand, listed

MUTANTS = 5
PAGES = ("", "gallery", "annotate", "sweeps")


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Damaged:
    made = Damaged(tmp_path)
    monkeypatch.setenv("LETHE_CACHE", f"{tmp_path / 'cache'}")
    return made


def state_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "derived" not in path.parts and not path.name.startswith(".")
    }


@pytest.mark.parametrize(
    "name", ["manifest.json", "marks/marks.json", "annotations/study-1.jsonl"], ids=str
)
def test_pages_of_a_damaged_sweep_and_of_the_healthy_one_beside_it(
    open_page,  # noqa: F811
    damaged: Damaged,
    name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    healthy = damaged.root / "cache" / "healthy"
    before = state_of(healthy)
    path = damaged.sweep / name
    first, _, rest = path.read_text().partition("\n") if name.endswith("l") else (
        path.read_text(), "", ""
    )  # fmt: skip
    generator = random.Random(name)
    for text in json_mutants(first, generator, MUTANTS):
        with damaged.with_content(path, f"{text}\n{rest}" if rest else text):
            for page in PAGES:
                with caplog.at_level(logging.ERROR, "lethe.dashboard"):
                    open_page(page, sweep="mine")  # which sees that there is no exception
                assert "a page could not be shown" not in caplog.text, (text[:300], caplog.text)
            app = open_page("", sweep="healthy")
            assert not app.error, [one.value for one in app.error]
    assert state_of(healthy) == before


def test_the_list_of_sweeps_names_the_damaged_and_opens_the_healthy(
    open_page,  # noqa: F811
    damaged: Damaged,
) -> None:
    with damaged.with_content(damaged.sweep / "manifest.json", b"\xff\x00"):
        app = open_page("")
        assert not app.error
        assert any("mine (damaged)" in option for option in app.selectbox[0].options)
    st.cache_resource.clear()
    shutil.rmtree(damaged.sweep / "predictions" / "dense")
    app = open_page("", sweep="mine")
    assert any("is missing" in one.value for one in app.error)
    assert not open_page("gallery", sweep="healthy").error


def test_a_page_says_while_large_files_are_compared(
    open_page,  # noqa: F811
    damaged: Damaged,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checking, "LARGE", 1)
    monkeypatch.setattr(checking, "_known", {})
    go, real = threading.Event(), checking.atomic.sha256

    def slow(path: Path) -> str:
        go.wait()
        return real(path)

    monkeypatch.setattr(checking.atomic, "sha256", slow)
    try:
        app = open_page("", sweep=damaged.sweep.name)
        said = [one.value for one in app.caption if "with what was written" in one.value]
    finally:
        go.set()
    assert said
    assert "images" in said[0]
    checking.finish()
    again = open_page("", sweep="mine")
    assert not [one for one in again.caption if "with what was written" in one.value]


def test_unknown_keys_survive_a_rewrite(damaged: Damaged) -> None:
    path = damaged.sweep / "manifest.json"
    content = by_hand(path)
    content["later"] = {"deep": [1, {"a": None}]}
    content["dataset"]["licence"] = "CC0"
    content["variants"][0]["note"] = "of a later Lethe"
    content["files"]["images.parquet"]["crc"] = 7
    path.write_text(json.dumps(content))
    table = damaged.root / "more.csv"
    table.write_text("image_id,colour\n0,red\n")
    assert damaged.words("join", "mine", f"{table}")[0] == 0
    listed(Cache(damaged.root / "cache").sweep("mine"))
    now = json.loads(path.read_text())
    assert now["later"] == content["later"]
    assert now["dataset"]["licence"] == "CC0"
    assert now["variants"][0]["note"] == "of a later Lethe"
    assert now["schema_version"] == content["schema_version"]
