"""What leaves: tables, reports, shared files, notebooks and the terminal take text as text."""

import csv
import io
import json
import re
import shutil
import zipfile
from html import unescape
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from analysis.cli.main import main
from analysis.export import Chosen, formats, share_bytes
from analysis.figures import browser as figure_browser
from analysis.figures.files import figure_bytes
from analysis.presentation.formatting import visible
from analysis.report import write_report
from analysis.results import TABLES, SweepResults
from analysis.store import Cache
from analysis.store.tabular import to_csv, write_table
from dashboard.figure_panel import file_name
from tests.report.conftest import Page, without_browser  # noqa: F401
from tests.security.hostile import STRINGS, TEXTS, VARIANT
from tests.synthetic import by_hand, make_sweep, with_map

FORMULA = tuple("=+-@\t\r")
UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")


class Elements(HTMLParser):
    """Names of elements and of their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(tag, name) for name, _ in attrs}


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_csv(text: str) -> list[str]:
    """See that no cell is a formula; return all cells."""
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert cells
    assert not [cell for cell in cells if cell.startswith(FORMULA) and not is_number(cell)]
    return cells


def check_name(path: PurePosixPath) -> None:
    """See that a file can be unpacked anywhere, and only below where it is unpacked."""
    assert not path.is_absolute()
    for part in path.parts:
        assert part not in ("", ".", "..")
        assert part.isprintable()
        assert not set(part) & set('/\\:*?"<>|')
        assert len(part.encode()) <= 255


# --- tables -------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", list(TABLES))
def test_tables_are_read_back_as_they_were_and_hold_no_formula(
    hostile: SweepResults, tmp_path: Path, name: str
) -> None:
    table = hostile.table(name)
    # Those of one run a variant are empty here.
    # Scores take six dense runs; slices with names of every kind: test_slices.py.
    assert len(table) or name in ("pairs", "shift-pairs", "attribute-pairs", "scores", "slices")
    for suffix in (".csv", ".parquet", ".json"):
        write_table(table, tmp_path / f"t{suffix}")
    texts = [c for c in table.columns if not pd.api.types.is_numeric_dtype(table[c])]
    wanted = {c: [None if pd.isna(v) else str(v) for v in table[c]] for c in texts}
    back = pd.read_parquet(tmp_path / "t.parquet")
    assert list(back.columns) == list(table.columns)
    for column, values in wanted.items():
        assert [None if pd.isna(v) else str(v) for v in back[column]] == values
    rows = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    for column, values in wanted.items():
        assert [None if row[column] is None else str(row[column]) for row in rows] == values
    text = (tmp_path / "t.csv").read_bytes().decode()
    check_csv(text)
    read = list(csv.DictReader(io.StringIO(text, newline="")))
    for column, values in wanted.items():
        said = [f"'{v}" if v is not None and v.startswith(FORMULA) else v or "" for v in values]
        assert [row[column] for row in read] == said


def test_every_string_is_in_a_table(hostile: SweepResults) -> None:
    cells = check_csv(to_csv(hostile.table("classes"))) + check_csv(
        to_csv(hostile.attributes(VARIANT))
    )
    left = {*cells, *(cell[1:] for cell in cells if cell.startswith("'"))}
    assert set(TEXTS) <= left


# --- the report ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def report(hostile: SweepResults, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the hostile sweep, its figures as those of a machine without a browser."""
    with pytest.MonkeyPatch.context() as patch:
        from choreographer.browsers.chromium import Chromium

        patch.setattr(Chromium, "find_browser", lambda **_options: None)
        # One that other tests of this process have opened would go on drawing.
        patch.setattr(figure_browser, "browser", figure_browser.Browser())
        out = tmp_path_factory.mktemp("report") / "out"
        return write_report(hostile, out, title=STRINGS["closing"]).page


@pytest.mark.usefixtures("without_browser")
def test_the_report_has_no_element_or_attribute_of_the_data(report: Path, tmp_path: Path) -> None:
    html = report.read_text(encoding="utf-8")
    plain = SweepResults(make_sweep(tmp_path, n_images=90, seeds=3, shifts=("fog-3",)))
    ours = Elements(write_report(plain, tmp_path / "out").page.read_text(encoding="utf-8"))
    theirs = Elements(html)
    assert theirs.tags - ours.tags <= {"ul", "li", "p", "details", "summary", "code"}
    assert not {name for _, name in theirs.attributes if name.startswith("on")}
    assert {name for _, name in theirs.attributes} <= {name for _, name in ours.attributes}
    text = Page(html).text
    for name in TEXTS:
        line = " ".join(re.sub(UNSEEN, " ", name).split())
        assert line in " ".join(re.sub(UNSEEN, " ", text).split()), name
    for path in report.parent.rglob("*"):
        check_name(PurePosixPath(path.relative_to(report.parent).as_posix()))
        if path.suffix == ".csv":
            check_csv(path.read_bytes().decode())


def check_svg(content: bytes) -> None:
    """See that a drawing is well formed, runs and fetches nothing, and has names as text."""
    root = ElementTree.fromstring(content)
    for element in root.iter():
        tag = element.tag.rpartition("}")[2]
        assert tag in {"svg", "g", "title", "rect", "image", "text", "style", "path", "tspan"}, tag
        for attribute, value in element.attrib.items():
            name = attribute.rpartition("}")[2]
            assert not name.startswith("on")
            assert name != "href" or value.startswith("data:image/"), value
        if tag == "style":
            assert "struck" not in (element.text or "")
            assert "http" not in (element.text or "")
    text = " ".join(filter(None, (one.text for one in root.iter())))
    for name in ("script", "entity", "plotly tags"):
        assert STRINGS[name][:12] in text, name


# --- shared files -------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(formats()))
def test_shared_files_name_no_file_after_data_and_hold_no_formula(
    hostile: SweepResults, name: str
) -> None:
    one = formats()[name]
    words = "; ".join(TEXTS)
    chosen = Chosen(hostile, VARIANT, np.arange(len(TEXTS)), words)
    content = share_bytes(chosen, one)
    if not zipfile.is_zipfile(io.BytesIO(content)):
        if one.suffix == ".csv":
            check_csv(content.decode())
        elif one.suffix == ".svg":
            check_svg(content)
        else:
            assert content.startswith((b"%PDF", b"\x89PNG"))
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.namelist():
            check_name(PurePosixPath(entry))
            if entry.endswith(".csv"):
                check_csv(archive.read(entry).decode())
            if entry.endswith(".json"):
                json.loads(archive.read(entry))
            if entry.endswith(".md"):
                head = archive.read(entry).decode().split("---\n")[1]
                assert "struck:" not in [line.split(" ")[0] for line in head.splitlines()]


@pytest.mark.parametrize("text", TEXTS)
def test_downloads_are_named_safely(text: str) -> None:
    class Named:
        class manifest:  # noqa: N801
            name = text

    check_name(PurePosixPath(f"{file_name(Named, text, text)}.parquet"))  # type: ignore[arg-type]


# --- figures as files ---------------------------------------------------------------------------
def test_a_figure_as_html_has_no_element_of_the_data(hostile: SweepResults) -> None:
    from analysis.figures.class_impact import class_impact

    figure = class_impact(hostile.classes(VARIANT), note=STRINGS["closing"])
    html = figure_bytes(figure, "html").decode()
    found = Elements(html)
    assert not found.tags & {"img", "svg", "iframe", "textarea", "a", "b"}
    assert not {name for _, name in found.attributes if name.startswith("on")}
    assert "</script></style>" not in html


# --- notebooks ----------------------------------------------------------------------------------
def test_a_sweep_in_a_notebook_is_text(hostile: SweepResults) -> None:
    html = hostile._repr_html_()
    assert Elements(html).tags <= {
        "div", "strong", "br", "table", "thead", "tbody", "tr", "th", "td", "code",
    }  # fmt: skip
    assert STRINGS["image"] in unescape(html)
    assert not UNSEEN.search(repr(hostile))


# --- terminal -----------------------------------------------------------------------------------
@pytest.fixture
def cache(hostile_cache: Path, tmp_path: Path) -> Path:
    """A copy with terminal commands in every fact, and files called so."""
    copied = tmp_path / "cache"
    shutil.copytree(hostile_cache, copied)
    with_map(Cache(copied).sweep("hostile"), STRINGS["control"] + STRINGS["direction"])
    path = copied / "hostile" / "manifest.json"
    manifest = by_hand(path)
    ansi = STRINGS["control"] + STRINGS["direction"]
    manifest |= {"pairing": ansi, "created": ansi, "dataset": {"spec": ansi, "notes": [ansi]}}
    manifest["model"]["name"] = ansi
    path.write_text(json.dumps(manifest), encoding="utf-8")
    (copied / "hostile" / "odd\x1b[31m\u202ename").write_text("x")
    (copied / "odd\x1b[31mfolder").mkdir()
    (copied / "odd\x1b[31mfolder" / "manifest.json").write_text("{}")
    (copied / "broken").mkdir()
    (copied / "broken" / "manifest.json").write_text(
        json.dumps({"schema_version": 1, "variants": [{"\x1b[31m": 1}], "runs": {}, "files": {}})
    )
    return copied


@pytest.mark.parametrize(
    "words",
    [
        "list", "show hostile", "show hostile --results", "verify hostile", "show broken",
        "show --verbose broken", "export hostile nothing-\x1b[31m", "show \x1b[31m",
        "share hostile zip --class \x1b[31m --out x.zip", "export hostile runs --variant \x1b]0;",
        "plan hostile", "plan hostile --class \x1b[31m", "figure hostile",
        "figure hostile deciles-\x1b[31m", "join hostile \x1b[31m.csv",
        "check hostile --budget \x1b[31m.toml", "features hostile --out \x1b[31m.npy",
        "features hostile --out \x1b[31m", "features hostile --from \x1b[31m.npy", "map hostile",
        "slices hostile", "slices hostile --variant \x1b[31m", "slices hostile --out \x1b[31m.md",
        "forecast hostile", "forecast hostile --variant \x1b]0;", "remedy hostile cascade",
        "remedy hostile layers --variant \x1b[31m", "remedy hostile cascade --variant \x1b[31m",
        "features broken", "features \x1b[31m", "map \x1b[31m", "map hostile --out \x1b[31m.csv",
    ],
)  # fmt: skip
def test_nothing_printed_is_obeyed_by_a_terminal(
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        status = main([*words.split(), "--cache", str(cache)])
    except SystemExit as ended:
        status = int(ended.code or 0)
    said = capsys.readouterr()
    assert said.out or said.err
    assert not UNSEEN.search(said.out), UNSEEN.search(said.out)
    assert not UNSEEN.search(said.err), said.err
    if words == "show hostile":
        assert status == 0
        assert r"\x1b[31mred" in said.out
        assert r"\u202e" in said.out
    if words == "list":
        assert "hostile: 15 of 16 runs" in said.out
        assert "folder" not in said.out


def test_a_table_into_a_pipe_keeps_every_byte(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "hostile", "classes", "--cache", str(cache)]) == 0
    assert STRINGS["control"] in capsys.readouterr().out


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_printed_is_still_legible(text: str) -> None:
    assert not UNSEEN.search(visible(text))
    assert visible(visible(text)) == visible(text)
    if text.isprintable():
        assert visible(text) == text
