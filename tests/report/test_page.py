"""The page: what it says is what the tables say, it needs nothing else, and it runs no data."""

import json
import re
from pathlib import Path

import pytest

from analysis.cli.main import build_parser
from analysis.presentation.findings import findings
from analysis.presentation.tables import pair_table
from analysis.report import page as provenance
from analysis.report import write_report
from analysis.report.figures import drawings
from analysis.report.gallery import galleries
from analysis.report.scope import scope_of
from analysis.report.tables import class_rows
from analysis.results import SweepResults
from analysis.store import SweepFolder
from tests.figures import frames
from tests.report.conftest import Page, Reported
from tests.synthetic import by_hand, listed, make_sweep

PRUNED = "magnitude-0.90"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</style><b>bold</b>",
    "{{ 7 * 7 }} {% raw %}",
    "' onmouseover='alert(3)",
)


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    return make_sweep(tmp_path / "cache", n_images=120, seeds=4)


def changed(folder: SweepFolder, **values: object) -> SweepFolder:
    """Write other values into the manifest, as an editor would."""
    path = folder.path / "manifest.json"
    path.write_text(json.dumps(by_hand(path) | values), encoding="utf-8")
    return folder


# --- what it says -------------------------------------------------------------------------------
def test_the_findings_are_those_of_the_overview(folder: SweepFolder, reported: Reported) -> None:
    results = SweepResults(folder)
    html, _ = reported(folder)
    told = findings(results.summary(), results.classes(), results.pairs())
    assert len(told) > 3
    for sentence in told:
        assert sentence in Page(html).text


def test_every_section_figure_and_class_is_there(folder: SweepFolder, reported: Reported) -> None:
    html, written = reported(folder)
    page = Page(html)
    sections = {found["id"] for found in page.of("h2")}
    assert {"found", "variants", "noise", "pies", "curves", "classes", "remedies", "made",
            "methods", "again", "variant-1", "variant-2", "variant-3"} == sections  # fmt: skip
    assert {str(a["href"])[1:] for a in page.of("a") if str(a["href"]).startswith("#")} <= sections
    assert len(page.of("figure")) == written.n_figures > 15
    for name in SweepResults(folder).class_names:
        assert page.texts.count(name) >= 3
    assert "nan" not in re.findall(r"\bnan\b", page.text.lower())


def test_provenance_is_told(folder: SweepFolder, reported: Reported) -> None:
    left_out = [{"file": f"train/{i}.png", "reason": f"truncated {i}"} for i in range(130)]
    changed(
        folder, git_commit="c0ffee", versions={"torch": "9.9.9"}, pairing="all by seed",
        left_out=left_out,
    )  # fmt: skip
    text = Page(reported(folder)[0]).text
    for fact in ("c0ffee", "9.9.9", "all by seed", "synthetic", "truncated 0", "truncated 99"):
        assert fact in text
    assert "130 files of the dataset could not be used; the first 100" in text
    assert "truncated 100" not in text


@pytest.mark.usefixtures("without_browser")
@pytest.mark.parametrize(
    ("ties", "words"),
    [("confidence", "larger sum of confidences"), ("reference", "largest class index"),
     ("exclude", "counts as no PIE")],
)  # fmt: skip
def test_the_tie_rule_is_named_and_used(
    folder: SweepFolder, tmp_path: Path, ties: str, words: str
) -> None:
    results = SweepResults(folder, ties=ties)  # type: ignore[arg-type]
    written = write_report(results, tmp_path / "out")
    text = Page(written.page.read_text(encoding="utf-8")).text
    assert words in text
    n_pies = int(results.summary().set_index("variant_id").loc[PRUNED, "n_pies"])
    assert f"{n_pies:,} of 120 images" in text


def test_some_variants_alone_are_reported(folder: SweepFolder, reported: Reported) -> None:
    html, written = reported(folder, variant_ids=["int8-static"], title="Only one")
    page = Page(html)
    assert "Only one" in page.texts
    assert "variant-2" not in {found["id"] for found in page.of("h2")}
    assert PRUNED not in page.text
    summary = (written.page.parent / "tables" / "summary.csv").read_text()
    assert [line.split(",")[0] for line in summary.splitlines()] == [
        "variant_id", "dense", "int8-static"
    ]  # fmt: skip


def test_one_run_is_said_to_allow_no_test(tmp_path: Path, reported: Reported) -> None:
    text = Page(reported(make_sweep(tmp_path / "cache", n_images=60, seeds=1))[0]).text
    assert "One run a variant (K = 1)" in text
    assert "a noise floor takes two dense runs" in text


def test_an_unfinished_sweep_is_said_to_be(folder: SweepFolder, reported: Reported) -> None:
    manifest = folder.manifest()
    manifest.runs[PRUNED]["3"].state = "failed"
    manifest.runs[PRUNED]["3"].error = "out of <memory>"
    folder.write_manifest(manifest)
    text = Page(reported(folder)[0]).text
    assert "This sweep is not complete: 15 of 16" in text
    assert f"{PRUNED}, seed 3: out of <memory>" in text


def test_shifts_are_drawn_and_named_where_there_are_any(tmp_path: Path, reported: Reported) -> None:
    shifts = ("fog-3", "fog-5")
    folder = make_sweep(tmp_path / "cache", n_images=80, seeds=3, shifts=shifts)
    page = Page(reported(folder)[0])
    assert "shifts" in {found["id"] for found in page.of("h2")}
    assert "fog-3, fog-5" in page.texts
    drawn = {one.name for one in drawings(scope_of(SweepResults(folder), None))}
    assert {"robustness-top1", "robustness-top5", "robustness-fog-3", "robustness-fog-5"} <= drawn


# --- galleries ----------------------------------------------------------------------------------
def test_tiles_are_the_pies_of_their_kind_by_vote_distance(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.report.gallery._MOST", 6)
    results = SweepResults(folder)
    gallery = galleries(scope_of(results, None))[PRUNED]
    pies = results.pies(PRUNED)
    for kind, most in (("forgotten", 6), ("recovered", 2)):
        expected = pies[pies["kind"] == kind]
        assert gallery.counts[kind] == len(expected)
        assert kind == "recovered" or len(expected) > most
        assert [tile.image_id for tile in gallery.tiles[kind]] == list(expected["image_id"][:most])
    first, row = gallery.tiles["forgotten"][0], pies[pies["kind"] == "forgotten"].iloc[0]
    names = results.class_names
    assert (first.label, first.dense, first.variant) == (
        names[row["label"]], names[row["dense_modal_label"]], names[row["modal_label"]]
    )  # fmt: skip
    assert (first.dense_share, first.share) == (row["dense_agreement"], row["agreement"])


def test_pictures_are_those_of_their_images(folder: SweepFolder) -> None:
    import base64

    images = folder.read_images(["image"])["image"].to_pylist()
    for gallery in galleries(scope_of(SweepResults(folder), None)).values():
        for tile in gallery.tiles["forgotten"]:
            kind, _, content = tile.uri.partition(";base64,")
            assert kind == "data:image/png"
            assert base64.b64decode(content) == images[tile.image_id]["bytes"]


def test_kinds_stand_in_words_and_images_without_a_picture_have_a_placeholder(
    folder: SweepFolder, reported: Reported
) -> None:
    import pyarrow as pa

    images = folder.read_images()
    column = images.column_names.index("image")
    none = pa.nulls(len(images), images.schema.field("image").type)
    folder.write_images(images.set_column(column, "image", none))
    listed(folder)
    page = Page(reported(folder)[0])
    assert not page.of("img")
    assert page.texts.count("no picture") > 3
    assert "▼ forgotten" in page.texts
    assert "▲ recovered" in page.texts


def test_many_variants_have_fewer_tiles_each(tmp_path: Path) -> None:
    levels = ",".join(f"{0.3 + i / 100:.2f}" for i in range(30))
    folder = make_sweep(tmp_path, n_images=150, seeds=2, variants=[f"magnitude={levels}"])
    found = galleries(scope_of(SweepResults(folder), None))
    assert max(len(g.tiles["forgotten"]) for g in found.values()) == 6


# --- classes ------------------------------------------------------------------------------------
def test_significant_classes_are_marked_in_words() -> None:
    rows = {row.name: row for row in class_rows(frames.classes()).rows}
    assert [rows[name].mark for name in ("ant", "bee", "cat", "dog")] == [
        "▼ lost, q ≤ 0.05", "", "", "",
    ]  # fmt: skip
    # The paper's p stands beside it, and marks nothing.
    assert (rows["dog"].p, rows["dog"].q) == ("0.04", "0.9")
    assert rows["ant"].interval == "-26.0 to -15.0"
    assert rows["ant"].at_most == "+28.0"
    gained = class_rows(frames.classes(q_two_way=[0.9, 0.9, 0.9, 0.01]))
    assert [row.mark for row in gained.rows][-1] == "▲ gained, q ≤ 0.05"


def test_of_many_classes_the_ends_are_shown_and_the_others_counted() -> None:
    found = class_rows(frames.classes([f"c{i:03d}" for i in range(200)]))
    names = [row.name for row in found.rows]
    assert names == [f"c{i:03d}" for i in (*range(15), *range(185, 200))]
    assert found.n_hidden == 170


# --- self-contained, and safe -------------------------------------------------------------------
def test_nothing_is_loaded_from_elsewhere(folder: SweepFolder, reported: Reported) -> None:
    html, _ = reported(folder)
    page = Page(html)
    assert not page.of("link")
    for tag in ("img", "script", "iframe", "image", "use"):
        for found in page.of(tag):
            assert str(found.get("src", "data:")).startswith("data:")
    (policy,) = page.of("meta", http_equiv_="Content-Security-Policy") or [
        found for found in page.of("meta") if found.get("http-equiv")
    ]
    assert str(policy["content"]).startswith("default-src 'none'")


def test_texts_of_the_data_are_shown_as_they_are(tmp_path: Path, reported: Reported) -> None:
    import pyarrow as pa

    folder = make_sweep(tmp_path / "cache", n_images=150, seeds=3, class_names=HOSTILE)
    images = folder.read_images()
    texts = pa.array([HOSTILE[i % len(HOSTILE)] for i in range(len(images))])
    images = images.set_column(images.column_names.index("path"), "path", texts)
    folder.write_images(images.append_column("meta_<b>", texts))
    listed(folder)
    hostile = HOSTILE[0]
    changed(
        folder,
        dataset={"spec": hostile, "n_train": 0, "n_test": 150, "notes": list(HOSTILE)},
        model={"name": HOSTILE[1], "image_size": [8, 8]},
        left_out=[{"file": text, "reason": text} for text in HOSTILE],
        versions={HOSTILE[2]: hostile}, pairing=HOSTILE[4], git_commit=hostile,
        config={"options": {"dataset": hostile, HOSTILE[1]: hostile}},
    )  # fmt: skip
    html, _ = reported(folder, title=HOSTILE[1])
    clean, _ = reported(make_sweep(tmp_path / "clean", n_images=150, seeds=3))
    page, plain = Page(html), Page(clean)
    for text in HOSTILE:
        assert flat(text) in page.text
    assert "<script>alert" not in html
    handlers = {name for _, found in page.elements for name in found if name.startswith("on")}
    assert not handlers
    assert {tag for tag, _ in page.elements} == {tag for tag, _ in plain.elements}
    scripts = [len(one.of("script")) - len(one.of("figure")) for one in (page, plain)]
    assert scripts[0] == scripts[1]


# --- made again ---------------------------------------------------------------------------------
def test_the_commands_can_be_parsed_and_name_the_sweep(folder: SweepFolder) -> None:
    import shlex

    changed(
        folder,
        config={"options": {"dataset": "folder:a b", "model": "resnet18", "image_size": 32,
                            "training": {"epochs": 7, "paired": True, "lr": 0.1}}},
        shifts=[
            {"name": "fog-3", "corruption": "fog", "severity": 3},
            {"name": "phone", "dataset": "folder:a b"},
        ],
    )  # fmt: skip
    scope = scope_of(SweepResults(folder, ties="reference"), ["int8-static"])
    commands = [shlex.split(command) for command in provenance.commands(scope)]
    parsed = [build_parser().parse_args(words[3:]) for words in commands]
    assert [options.verb for options in parsed] == ["sweep", "report", "show", "export", "verify"]
    sweep, report = parsed[:2]
    assert (sweep.name, sweep.dataset, sweep.model) == ("made", "folder:a b", "resnet18")
    assert (sweep.epochs, sweep.paired, sweep.image_size, sweep.seeds) == (7, True, 32, 4)
    assert (sweep.corruptions, sweep.shift) == (["fog=3"], ["phone=folder:a b"])
    assert sweep.variants == ["magnitude=0.50", "magnitude=0.90", "int8-static"]
    assert (report.ties, report.variant) == ("reference", ["int8-static"])


def test_single_models_are_not_spoken_of_as_populations(tmp_path: Path, reported: Reported) -> None:
    folder = make_sweep(tmp_path / "cache", n_images=300, seeds=1, shifts=("fog-3",))
    text = Page(reported(folder)[0]).text
    for wrong in (
        "that of the dense runs",
        "dense runs right",
        "most frequent) prediction over",
        "population of",
        "Welch",
    ):
        assert wrong not in text, wrong
    assert "on which the predictions of the two models differ" in text
    assert "the dense model right, the variant wrong" in text
    assert "Each model is compared with the dense one image by image" in text
    for cells in pair_table(SweepResults(folder).pairs()).to_dict("split")["data"]:
        assert " ".join(cells) in text


def test_populations_are_spoken_of_as_such(folder: SweepFolder, reported: Reported) -> None:
    text = Page(reported(folder)[0]).text
    assert "prediction over the runs differs from that of the dense runs" in text
    assert "the dense runs right, the variant wrong" in text
    assert "is a population of 4 runs" in text
    assert "Welch's t over runs" in text
    assert "Each model beside the dense one" not in text


def test_one_pair_is_sorted_by_confidence_and_tested_by_mcnemar(
    tmp_path: Path, reported: Reported
) -> None:
    folder = make_sweep(tmp_path / "cache", n_images=2000, seeds=1)
    results = SweepResults(folder)
    page = Page(reported(folder)[0])
    text = page.text
    assert "falling change of confidence in the true class" in text
    assert "McNemar's exact test of the change" in text
    assert "take two runs" in text
    assert "distance of the votes" not in text.split("Methods")[0]
    images = results.images("magnitude-0.90").set_index("image_id")
    classes = results.classes("magnitude-0.90").set_index("class_name")
    shown = galleries(scope_of(results, None))["magnitude-0.90"].tiles
    lost = images["dense_true_confidence"] - images["true_confidence"]
    for kind, sign in (("forgotten", 1), ("recovered", -1)):
        ids = [tile.image_id for tile in shown[kind]]
        of_kind = sign * lost[images["kind"] == kind]
        assert ids == of_kind.sort_values(ascending=False, kind="stable").index[: len(ids)].tolist()
        assert shown[kind][0].share == images["true_confidence"][ids[0]]
    for row in class_rows(results.classes("magnitude-0.90")).rows:
        assert row.p == f"{classes['mcnemar_p'][row.name]:.2g}"
        assert row.sign in ("", "lost" if classes["recall_delta"][row.name] < 0 else "gained")
