"""Slices that stand out under every string as their name: page, gallery, verb, table, report."""

from pathlib import Path

import pandas as pd
import pytest
from analysis.report.asked import Asked

from analysis import schema
from analysis.cli.main import main
from analysis.report import write_report
from analysis.results import SweepResults
from analysis.store import Cache
from tests.dashboard.browsing import TILE
from tests.dashboard.conftest import browser, chromium, context, free_port, page, serving  # noqa: F401
from tests.security.hostile import STRINGS, TEXTS, VARIANT
from tests.security.test_browser import check, see, shown, visit, watched  # noqa: F401
from tests.security.test_files import UNSEEN, Elements, check_csv
from tests.synthetic import make_sweep

N = len(TEXTS)
VALUES = sorted(set(TEXTS))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep, whose slices lie where tables that were computed are kept."""
    root = tmp_path_factory.mktemp("slices")
    columns = {"meta_value": [TEXTS[i % N] for i in range(4 * N)]}
    columns |= {f"meta_{text}": ["a", "b"] * (2 * N) for text in TEXTS[:12]}
    make_sweep(root, n_images=4 * N, class_names=TEXTS, seeds=4, metadata=columns)
    rows = pd.DataFrame(
        {
            "variant_id": VARIANT, "slice": [f"meta:value/{VALUES.index(one)}" for one in TEXTS],
            "name": TEXTS, "n": 4, "risk_difference": 0.3, "low": 0.1, "high": 0.5, "q": 0.01,
            "split": "test half", "p": 0.001, "contrast": 0.2, "contrast_low": 0.1,
            "contrast_high": 0.3, "contrast_q": 0.02, "measure": "PIE excess",
            "description": [f"{text} 2.0 times as often" for text in TEXTS],
            "typical_images": [str(i) for i in range(N)], "n_tested": N,
        }
    )[list(schema.SLICES_COLUMNS)]  # fmt: skip
    kept = SweepResults(Cache(root).existing("made"))._slices._variants.kept
    kept.shelved("slices", VARIANT, lambda: rows, always=True)
    assert len(SweepResults(Cache(root).existing("made")).slices(VARIANT)) == N
    return root


@pytest.fixture(scope="module")
def address(cache: Path):
    with serving(cache, free_port()) as (served, _):
        yield served


def test_remedies_names_slices_and_opens_one(watched, address):  # noqa: F811
    visit(watched, address, "remedies", variant=VARIANT)
    for name in ("script", "image", "frame", "link"):
        see(watched, f"{STRINGS[name]} 2.0 times as often")
    check(watched)
    watched.locator("[class*=st-key-open-meta] button").first.click()
    watched.wait_for_selector(TILE)
    check(watched)


@pytest.mark.parametrize("name", ["script", "comment", "entity", "double quote"])
def test_the_gallery_names_a_slice_of_a_hostile_column(watched, address, name):  # noqa: F811
    visit(watched, address, "gallery", population="all", slice=f"meta:{STRINGS[name]}/0")
    watched.wait_for_selector(TILE)
    see(watched, f"meta:{STRINGS[name]}/0")
    check(watched)
    assert "is not available here" not in shown(watched)


def test_slices_are_printed_legibly(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["slices", "made", "--cache", str(cache)]) == 0
    said = capsys.readouterr()
    assert not UNSEEN.search(said.out)
    assert STRINGS["script"] in said.out
    # A line each, whatever the name says.
    assert sum(" 4 images, +30.0 points" in line for line in said.out.splitlines()) == N


def test_a_table_of_slices_holds_no_formula(cache: Path, tmp_path: Path) -> None:
    out = tmp_path / "slices.csv"
    assert main(["export", "made", "slices", "--out", str(out), "--cache", str(cache)]) == 0
    cells = check_csv(out.read_bytes().decode())
    assert {*TEXTS} <= {*cells, *(cell[1:] for cell in cells if cell.startswith("'"))}


def test_a_report_names_the_first_slice_as_text(cache: Path, tmp_path: Path) -> None:
    results = SweepResults(Cache(cache).existing("made"))
    asked = Asked(sections=("found", "remedies"))
    made = write_report(results, tmp_path / "out", asked=asked).page
    html = made.read_text(encoding="utf-8")
    assert "&lt;script&gt;window.struck" in html
    assert "<script>window.struck" not in html
    assert not {name for _, name in Elements(html).attributes if name.startswith("on")}
