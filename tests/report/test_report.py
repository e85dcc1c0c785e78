"""``report``: the folder whole or not at all, its files, and a machine without a browser."""

from pathlib import Path

import pytest
from choreographer.browsers.chromium import Chromium

from analysis.cli.main import main
from analysis.errors import UserError
from analysis.report import build, write_report
from analysis.results import TABLES, SweepResults
from analysis.store import SweepFolder
from tests.report.conftest import Page
from tests.synthetic import make_sweep

needs_browser = pytest.mark.skipif(
    Chromium.find_browser(skip_local=False) is None, reason="no Chrome or Chromium on this machine"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    return make_sweep(
        tmp_path_factory.mktemp("cache"), n_images=80, seeds=3, variants=("magnitude=0.9",)
    )


def run(made: SweepFolder, out: Path, *arguments: str) -> int:
    return main(["report", "made", "--out", str(out), "--cache", str(made.path.parent), *arguments])


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


# --- files --------------------------------------------------------------------------------------
@needs_browser
def test_every_figure_is_three_files_and_a_still_picture_of_the_page(
    made: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    assert run(made, out) == 0
    assert "note:" not in capsys.readouterr().out
    page = Page((out / "index.html").read_text(encoding="utf-8"))
    figures = sorted((out / "figures").iterdir())
    stems = {path.stem for path in figures}
    # Three pictures, what is drawn, and its units.
    assert len(figures) == 5 * len(stems) == 5 * len(page.of("figure"))
    of_variant = {f"{name}-magnitude-0.90" for name in ("class-impact", "over-representation")}
    assert {"pie-share", "class-heatmap", "curve-top1"} | of_variant <= stems
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<svg", ".csv": b"", ".json": b"{"}
    assert all(path.read_bytes().startswith(starts[path.suffix]) for path in figures)
    assert not page.of("script")
    labelled = [found for found in page.of("svg") if found.get("role") == "img"]
    assert len(labelled) == len(page.of("figure"))
    assert any("PIE share" in str(found["aria-label"]) for found in labelled)
    svg = (out / "index.html").read_text().split("<figure>", 1)[1]
    assert "var(--ink)" in svg
    assert "rgb(34, 34, 34)" not in svg


@needs_browser
def test_class_names_in_still_pictures_run_nothing(tmp_path: Path) -> None:
    hostile = ("<script>alert(1)</script>", "<image href='http://x/'>", "&lt;b&gt;")
    folder = make_sweep(
        tmp_path / "cache", n_images=80, seeds=2, class_names=hostile, variants=("magnitude=0.9",)
    )
    written = write_report(SweepResults(folder), tmp_path / "out")
    html = written.page.read_text(encoding="utf-8")
    page = Page(html)
    assert not page.of("script")
    assert "http://x/" not in {found.get("href") for found in page.of("image")}
    assert any(hostile[0] in text for text in page.texts)


@pytest.mark.usefixtures("without_browser")
def test_without_a_browser_the_page_and_the_tables_are_made_all_the_same(
    made: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    assert run(made, out) == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note:")]
    assert len(notes) == 1
    assert "PNG, SVG and PDF left out" in notes[0]
    assert "apt install chromium" in notes[0]
    assert not (out / "figures").exists()
    html = (out / "index.html").read_text(encoding="utf-8")
    assert html.count("Plotly.newPlot") >= len(Page(html).of("figure"))
    assert html.count("plotly.js v") == 1
    assert len(html) < 15e6


@pytest.mark.usefixtures("without_browser")
@pytest.mark.parametrize("variant", [[], ["--variant", "magnitude-0.90"]])
def test_tables_are_what_export_writes(
    made: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], variant: list[str]
) -> None:
    out = tmp_path / "report"
    assert run(made, out, "--ties", "reference", "--details", *variant) == 0
    capsys.readouterr()
    cache = ["--cache", str(made.path.parent)]
    for name in TABLES.keys() - {"layers"}:  # not looked at in this sweep: export says how to
        main(["export", "made", name, "--ties", "reference", *cache])
        assert (out / "tables" / f"{name}.csv").read_text() == capsys.readouterr().out


@pytest.mark.usefixtures("without_browser")
def test_a_table_that_is_too_long_is_left_out_and_named(
    made: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("analysis.report.tables.MOST_ROWS", 50)
    out = tmp_path / "report"
    assert run(made, out) == 0
    told = capsys.readouterr().out
    for name in ("images", "stability"):
        assert not (out / "tables" / f"{name}.csv").exists()
        assert f"export --cache {made.path.parent} made {name} --out {name}.parquet" in told
        assert f"export made {name} " in (out / "index.html").read_text()


# --- the folder ---------------------------------------------------------------------------------
@pytest.mark.usefixtures("without_browser")
def test_a_folder_with_other_files_is_refused_and_left_as_it_is(
    made: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    out.mkdir()
    (out / "thesis.tex").write_text("mine")
    assert run(made, out) == 2
    error = capsys.readouterr().err
    assert "holds other files (thesis.tex" in error
    assert len(error.splitlines()) == 1
    assert names(tmp_path) == ["report", "report/thesis.tex"]
    assert run(made, out, "--overwrite") == 0
    assert (out / "thesis.tex").read_text() == "mine"
    assert (out / "index.html").is_file()


@pytest.mark.usefixtures("without_browser")
def test_an_earlier_report_is_replaced_and_nothing_of_it_stays(
    made: SweepFolder, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    out.mkdir()
    assert run(made, out) == 0
    first = names(out)
    (out / "figures").mkdir()
    (out / "figures" / "old.png").touch()
    (out / "notes.txt").write_text("mine")
    assert run(made, out, "--title", "Again") == 0
    assert names(out) == sorted([*first, "notes.txt"])
    assert "Again" in (out / "index.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.usefixtures("without_browser")
@pytest.mark.parametrize("is_there", [True, False])
def test_a_report_that_fails_leaves_what_was_there(
    made: SweepFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    out = tmp_path / "report"
    if is_there:
        assert run(made, out, "--title", "First") == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def fail(*_: object, **__: object) -> str:
        raise UserError("no")

    monkeypatch.setattr(build, "render", fail)
    assert run(made, out) == 2
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == (["report"] if is_there else [])


@pytest.mark.parametrize(
    ("out", "arguments", "message"),
    [
        ("file", [], "is a file; name a folder"),
        ("none/deeper", [], "does not exist; make it first"),
        ("new", ["--variant", "int8"], "no variant 'int8'"),
        ("new", ["--variant", "dense"], "'dense' is in every report"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line(
    made: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str,
    arguments: list[str], message: str,
) -> None:  # fmt: skip
    (tmp_path / "file").touch()
    assert run(made, tmp_path / out, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert names(tmp_path) == ["file"]


def test_dense_alone_is_nothing_to_report(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path / "cache", n_images=20, seeds=2, variants=())
    with pytest.raises(UserError, match="no run of a compressed variant"):
        write_report(SweepResults(folder), tmp_path / "out")
