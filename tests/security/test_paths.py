"""No parameter, name or manifest reads a file outside the cache, the program and its data."""

import json
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from analysis.cli.main import main
from analysis.errors import CacheError
from analysis.store import Cache
from dashboard.gallery.range_keys import Range
from dashboard.selection import Selection, to_params
from dashboard.state import _LOCAL
from dashboard.sweeps import launch
from tests.dashboard.test_pages import ALL_PAGES, APP, told
from tests.synthetic import by_hand, make_sweep

ROOT = Path(__file__).resolve().parents[2]
PARAMETERS = sorted(
    {"sweep", "variant", "class", "class_of", "becomes", "kind", "population", "agreement",
     "method", "sparsity", "not_class", "not_tag", "pie_in", "not_pie_in", "range",
     "distance", "meta", "tag", "sort", "order", "page", "per_page", "tile", "image", "ties",
     "slice", "selected", "nobody-knows", *_LOCAL}
)  # fmt: skip
SECRET = "secret-outside"
_opened: list[str] | None = None


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened is not None and event in ("open", "os.listdir", "os.scandir"):
        place = arguments[0] if arguments else None
        if isinstance(place, str | bytes | os.PathLike):
            _opened.append(os.fsdecode(place))


sys.addaudithook(_hear)  # One for the process: a hook cannot be taken away.


@contextmanager
def opened() -> Iterator[list[str]]:
    """Collect every path that is opened or listed; Parquet files, which C++ opens, too."""
    global _opened
    _opened = found = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("read_table", "read_schema", "read_metadata", "ParquetFile"):
            patch.setattr(pq, name, _heard(getattr(pq, name), found))
        try:
            yield found
        finally:
            _opened = None


def _heard(read: Callable[..., Any], found: list[str]) -> Callable[..., Any]:
    def heard(source: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(source, str | os.PathLike):
            found.append(os.fsdecode(source))
        return read(source, *arguments, **named)

    return heard


def outside(paths: list[str], *allowed: Path) -> set[str]:
    """Paths that lie in none of the folders allowed, nor in those of the program and the system."""
    own = {ROOT, Path(sys.prefix), Path(sys.base_prefix), Path(os.__file__).parent,
           *(Path(one) for one in sysconfig.get_paths().values()), Path("/proc"), Path("/sys"),
           Path("/dev"), Path("/usr/share"), Path("/etc/localtime"), Path("/etc/mime.types"),
           Path.home() / ".streamlit", Path.home() / ".cache"}  # fmt: skip
    folders = [folder.resolve() for folder in (*own, *allowed)]
    return {
        path for path in paths
        if not any(Path(path).resolve().is_relative_to(folder) for folder in folders)
    }  # fmt: skip


def attempts(place: Path) -> list[str]:
    """Values that would name the secret file or folder, or that are no value at all."""
    up = f"../{place.name}"
    return [
        up, f"made/../../{place.name}", str(place), f"file://{place}", up.replace("/", "%2F"),
        up.replace("/", "\\"), f"{up}\x00.parquet", "\x00", "..", ".", "/", "~", "-1", "1e9", "[]",
        "{}", "None", "٣", "9" * 400, "x" * 20_000, f"planted:{up}", f"{up}:{up}", "\ufffd", "",
    ]  # fmt: skip


def addresses(values: list[str]) -> Iterator[dict[str, str]]:
    """Yield parameters: three paths each in every one, then all values spread over them."""
    for value in values[:3]:
        yield dict.fromkeys(PARAMETERS, value)
    for first in range(0, len(values), 8):
        yield {name: values[(first + i) % len(values)] for i, name in enumerate(PARAMETERS)}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with a sweep, beside a sweep and a file that are nobody's business."""
    inside = tmp_path / "cache"
    make_sweep(inside, n_images=60, seeds=2, shifts=("fog-3",))
    make_sweep(tmp_path, SECRET, n_images=20, seeds=2)
    return inside


@pytest.mark.parametrize("page", [*ALL_PAGES, "sweeps"])
def test_no_parameter_of_a_page_opens_a_file_outside(cache, tmp_path, monkeypatch, page):
    monkeypatch.setenv("LETHE_CACHE", str(cache))
    st.cache_resource.clear()
    with opened() as paths:
        for params in addresses(attempts(tmp_path / SECRET)):
            app = AppTest.from_file(APP, default_timeout=60)
            app._page_hash = calc_hash(page)
            for name, value in params.items():
                app.query_params[name] = value
            app.run()
            assert not app.exception, [one.value for one in app.exception]
            assert app.title[0].value == (page or "overview").capitalize()
            assert not app.error, [one.value for one in app.error]
            if page != "sweeps" and params["sweep"]:
                assert "is not in the cache" in told(app).replace("\\", "")
    if page != "sweeps":
        assert [path for path in paths if path.endswith(".parquet")]
    assert not outside(paths, cache)


def test_the_parameters_fuzzed_are_all_there_are() -> None:
    whole = Selection(
        sweep="a", variant="b", ties="exclude", classes=("c",), class_of="dense", becomes=("d",),
        kinds=("e",), population="all", agreement=(1, 2), distance=(1, 2), meta=(("a", "b"),),
        not_classes=("c",), not_tags=("t",), pie_in=("b",), not_pie_in=("b",),
        ranges=(Range("kl", 0.0, 1.0),), slices=("s",), selected="1-2",
        tags=("t",), sort="label", order="asc", page=2, per_page=7, tile="small", image=1,
    )  # fmt: skip
    by_level = to_params(replace(whole, method="m", sparsity=0.5))
    assert set(to_params(whole)) | set(by_level) | _LOCAL | {"nobody-knows"} == set(PARAMETERS)


@pytest.mark.parametrize("verb", ["show", "verify", "remove", "rename", "merge", "export", "check",
                                  "share", "report", "join"])  # fmt: skip
def test_no_sweep_is_named_by_a_path(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    more = {
        "export": ["summary"], "check": ["--budget", "b.toml"], "share": ["zip", "--out", "x.zip"],
        "report": ["--out", str(tmp_path / "out")], "join": ["x.csv"], "rename": ["new"],
        "merge": ["made", "--name", "new"],
    }.get(verb, [])  # fmt: skip
    if verb == "check":
        (tmp_path / "b.toml").write_text("[overall]\nmax_top1_drop = 0.5\n")
        more = ["--budget", str(tmp_path / "b.toml")]
    before = sorted(tmp_path.rglob("*"))
    for name in (f"../{SECRET}", str(tmp_path / SECRET), "..", f"made/../../{SECRET}", "a\\b", ""):
        with opened() as paths:
            status = main([verb, name, *more, "--cache", str(cache)])
        assert status == 2
        assert "Traceback" not in capsys.readouterr().err
        assert not [path for path in paths if SECRET in path]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("verb", [["rename", "made"], ["merge", "made", "made", "--name"]])
def test_no_sweep_is_written_beside_the_cache(cache: Path, tmp_path: Path, verb: list[str]) -> None:
    for name in ("../new", str(tmp_path / "new"), "..", "a/b", ".hidden", "-x"):
        status = 2
        with suppress(SystemExit):  # An option is asked for where the name begins with one.
            status = main([*verb, name, "--cache", str(cache)])
        assert status == 2
    assert sorted(one.name for one in tmp_path.iterdir()) == ["cache", SECRET]


@pytest.mark.parametrize(
    ("verb", "value"),
    [
        (["export", "made", "images", "--variant"], f"../../../{SECRET}/predictions/dense"),
        (["share", "made", "zip", "--out", "x.zip", "--variant"], f"../../{SECRET}"),
        (["report", "made", "--out", "x", "--variant"], "../dense"),
    ],
)
def test_no_variant_is_named_by_a_path(cache: Path, verb: list[str], value: str) -> None:
    with opened() as paths:
        assert main([*verb, value, "--cache", str(cache)]) == 2
    assert not [path for path in paths if SECRET in path]


# --- a manifest that somebody else wrote --------------------------------------------------------
def _variant(manifest: dict[str, Any], name: str) -> None:
    manifest["runs"][name] = manifest["runs"].pop("int8-static")
    manifest["variants"][-1]["variant_id"] = name


def _runs(manifest: dict[str, Any], name: str) -> None:
    manifest["runs"][name] = manifest["runs"]["dense"]


def _shift(manifest: dict[str, Any], name: str) -> None:
    manifest["shifts"][0]["name"] = name


def _done(manifest: dict[str, Any], name: str) -> None:
    manifest["shifts"][0]["done"][name] = [0]


def _file(manifest: dict[str, Any], name: str) -> None:
    manifest["files"][f"predictions/{name}"] = {"sha256": "", "size": 1}


def _seed(manifest: dict[str, Any], name: str) -> None:
    manifest["seeds"] = [name]


@pytest.mark.parametrize("put", [_variant, _runs, _shift, _done, _file, _seed])
@pytest.mark.parametrize(
    "name",
    [f"../../../{SECRET}", "..", "/etc", "a/../../b", "a\\..\\b", "c:x", "a\x00b", ""],
)
def test_a_manifest_names_no_place_outside_its_sweep(cache: Path, put: Any, name: str) -> None:
    if put is _file and name == "a/../../b":
        name = "../../b"
    path = cache / "made" / "manifest.json"
    manifest = by_hand(path)
    put(manifest, name)
    path.write_text(json.dumps(manifest))
    folder = Cache(cache).sweep("made")
    with opened() as paths, pytest.raises(CacheError, match="is damaged"):
        folder.manifest()
    assert not [one for one in paths if SECRET in one]


# --- links --------------------------------------------------------------------------------------
def test_links_out_of_a_sweep_are_named_by_verify(cache: Path, tmp_path: Path) -> None:
    folder = Cache(cache).sweep("made")
    assert folder.verify() == []
    prediction = folder.prediction_path("dense", 0)
    assert isinstance(prediction, Path)
    (tmp_path / "elsewhere.parquet").write_bytes(prediction.read_bytes())
    prediction.unlink()
    prediction.symlink_to(tmp_path / "elsewhere.parquet")
    (cache / "made" / "more").symlink_to(tmp_path / SECRET)
    assert [one for one in folder.verify() if one.startswith("link: ")] == [
        "link: more (leads out of the sweep)",
        "link: predictions/dense/seed-0.parquet (leads out of the sweep)",
    ]


def test_what_a_link_leads_to_is_not_shown_where_it_is_no_table(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2\nhunter2")
    for name in ("images.parquet", "marks/marks.json", "annotations/study-1.jsonl"):
        path = cache / "made" / name
        path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(secret)
    for words in (["show", "made"], ["verify", "made"], ["export", "made", "summary"]):
        main([*words, "--verbose", "--cache", str(cache)])
    said = capsys.readouterr()
    assert "hunter2" not in said.out + said.err


def test_removing_a_sweep_leaves_what_its_links_lead_to(cache: Path, tmp_path: Path) -> None:
    (cache / "made" / "more").symlink_to(tmp_path / SECRET)
    assert main(["remove", "made", "--cache", str(cache)]) == 0
    assert not (cache / "made").exists()
    assert (tmp_path / SECRET / "manifest.json").is_file()


@pytest.mark.parametrize("is_folder", [True, False])
def test_the_log_of_a_sweep_is_not_written_through_a_link(
    cache: Path, tmp_path: Path, is_folder: bool
) -> None:
    target = tmp_path / "target"
    logs = cache / launch.LOGS
    if is_folder:
        target.mkdir()
        logs.symlink_to(target)
    else:
        logs.mkdir()
        target.write_text("kept")
        (logs / "demo.log").symlink_to(target)
    log = launch._log(cache, "demo")
    assert not log.resolve().is_relative_to(target)
    assert not list(target.iterdir()) if is_folder else target.read_text() == "kept"
