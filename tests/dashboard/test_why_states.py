"""Map and Remedies where something is missing: the sentence says what, and what would give it."""

import numpy as np
import pandas as pd
import pytest

from analysis.cli.main import main
from tests.dashboard.test_pages import open_page as open_page
from tests.dashboard.test_pages import undo
from tests.importing import drawn
from tests.synthetic import listed, make_sweep, with_map


def said(app):
    shown = (*app.error, *app.info, *app.warning, *app.markdown, *app.caption, *app.code)
    return "\n".join(one.value.replace("\\", "") for one in shown)


def nothing_forgotten(root):
    folder = make_sweep(root, seeds=3, variants=("int8-static",), n_images=80)
    for seed in range(3):
        dense = folder.prediction_path("dense", seed).read_bytes()
        folder.prediction_path("int8-static", seed).write_bytes(dense)
    listed(folder)


def labels_alone(root):
    frame = drawn.table()[["image_id", "label", "seed", "variant_id", "prediction"]]
    drawn.imported(root, drawn.write(frame, root / "labels.csv"), name="made")
    (root / "labels.csv").unlink()


def damaged_features(root):
    folder = with_map(make_sweep(root, seeds=3, n_images=80))
    path = folder.path / "features.parquet"
    path.write_bytes(path.read_bytes()[:200])


def without_map(root):
    folder = with_map(make_sweep(root, seeds=3, n_images=80))
    for path in (folder.path / "derived").rglob("*.*"):
        path.unlink()


def not_of_one_seed(root):
    make_sweep(root, seeds=4, n_images=80, variants=("int8-static",))
    undo(root, [("dense", 0), ("dense", 1), ("int8-static", 2), ("int8-static", 3)])


def made(**options):
    return lambda root: make_sweep(root, n_images=80, **options)


# What makes the state, the page, and what it must say: what is missing, and what gives it.
STATES = {
    "no features": (made(), "map", "has no features", "analysis features --cache"),
    "no features, slices": (made(), "remedies", "no clusters are among", "analysis features"),
    "imported": (labels_alone, "map", "imported without features", "made --from FILE.npy"),
    "imported, slices": (labels_alone, "remedies", "no clusters are among", "--from FILE.npy"),
    "imported, layers": (labels_alone, "remedies", "no models", "sweep --models dense=NET.onnx"),
    "labels, forecast": (labels_alone, "remedies", "no forecast: the dense runs give labels alone",
                         "'import' of a table with the column confidence"),
    "labels, cascade": (labels_alone, "remedies", "no cascade: the variant's runs give labels",
                        "'import' of a table with the column confidence"),
    "one run, scores": (made(seeds=1), "remedies", "take six dense runs", "--seeds 6 adds them"),
    "two runs, slices": (made(seeds=2), "remedies", "Slices cannot be tested",
                         "--seeds 3 adds them"),
    "no seed of both": (not_of_one_seed, "remedies", "no run of the variant has a dense run of its",
                        "--seeds 4 adds them"),
    "nothing forgotten": (nothing_forgotten, "remedies", "nothing to regain: no image",
                          "stronger compression or more test images"),
    "trained": (made(), "remedies", "trained while or after it is pruned",
                "'--variants int8-static'"),
    "damaged": (damaged_features, "map", "features.parquet is damaged", " made' makes it"),
    "damaged, slices": (damaged_features, "remedies", "features.parquet is damaged",
                        " made' makes it"),
}  # fmt: skip


@pytest.mark.parametrize("read_only", ["", "1"])
@pytest.mark.parametrize("state", STATES)
def test_the_page_says_what_is_missing_and_what_gives_it(
    tmp_path, open_page, monkeypatch, state, read_only
):
    make, page, missing, gives = STATES[state]
    monkeypatch.setenv("LETHE_READ_ONLY", read_only)
    make(tmp_path)
    app = open_page(page)
    assert missing in said(app)
    assert gives in said(app)


def test_one_run_of_each_is_tested_over_images(tmp_path, open_page):
    with_map(make_sweep(tmp_path, seeds=1, n_images=80))
    app = open_page("remedies")
    assert not app.error
    assert "Slices cannot be tested" not in said(app)
    assert "with these two models" in said(app)


def test_damaged_features_hide_no_other_section(tmp_path, open_page):
    damaged_features(tmp_path)
    app = open_page("remedies")
    assert len(app.error) == 1
    assert [one.value for one in app.header][1:] == [
        "Which images compression will cost", "Send unsure answers to the dense model",
        "Culprit layers", "Forgotten images for what is saved",
    ]  # fmt: skip
    assert "Doubt of the dense runs ranks" in said(app)


def test_a_read_only_map_names_the_command(tmp_path, open_page, monkeypatch):
    monkeypatch.setenv("LETHE_READ_ONLY", "1")
    without_map(tmp_path)
    app = open_page("map")
    assert "a read-only dashboard makes none" in said(app)
    assert "analysis map" in said(app)


def test_a_damaged_table_of_layers_is_told_with_its_command(tmp_path, open_page):
    folder = make_sweep(tmp_path, seeds=3, n_images=80, variants=("int8-static",))
    manifest = folder.manifest()
    path = folder.path / "layers" / "int8-static.parquet"
    path.parent.mkdir()
    pd.DataFrame({"layer": ["conv"]}).to_parquet(path)
    manifest.files["layers/int8-static.parquet"] = folder.record(path, 1)
    path.write_bytes(b"torn")
    folder.write_manifest(manifest)
    app = open_page("remedies")
    assert "remedy made layers --variant int8-static' makes it again" in said(app)


@pytest.mark.parametrize(
    ("make", "words", "status", "expected"),
    [
        (made(seeds=2), ["slices"], 0, "there are 2 and 2; the same sweep with --seeds 3"),
        (made(seeds=2), ["slices"], 0, "analysis features made' gives them"),
        (labels_alone, ["slices"], 0, "features made --from FILE.npy' gives them"),
        (labels_alone, ["forecast"], 2, "give labels alone, without confidences; 'import'"),
        (labels_alone, ["remedy", "cascade"], 2, "uncertain answers are unknown; 'import'"),
        (labels_alone, ["map"], 2, "features made --from FILE.npy' gives them"),
        (not_of_one_seed, ["remedy", "cascade"], 2, "no run of the variant has a dense run"),
        (nothing_forgotten, ["remedy", "cascade"], 0, "nothing to regain"),
        (nothing_forgotten, ["forecast"], 0, "no image is one, or all are"),
        (damaged_features, ["slices"], 3, "features made' makes it again"),
        (damaged_features, ["forecast"], 0, "Doubt of the dense runs ranks"),
    ],
)  # fmt: skip
def test_the_verb_says_what_is_missing_and_what_gives_it(
    tmp_path, monkeypatch, capsys, make, words, status, expected
):
    make(tmp_path)
    monkeypatch.setenv("LETHE_CACHE", str(tmp_path))
    capsys.readouterr()
    verb, *rest = words
    assert main([verb, "made", *rest]) == status
    told = capsys.readouterr()
    assert expected in told.out + told.err
    assert "nan" not in told.out


def test_what_is_named_brings_features_anew(tmp_path, monkeypatch, capsys):
    labels_alone(tmp_path)
    monkeypatch.setenv("LETHE_CACHE", str(tmp_path))
    given = tmp_path.parent / f"{tmp_path.name}.npy"
    np.save(given, np.random.default_rng(0).normal(size=(drawn.N, 6)))
    words = ["features", "made", "--from", str(given)]
    assert main(words) == 0
    (tmp_path / "made" / "features.parquet").write_bytes(b"torn")
    assert main(["map", "made"]) == 3
    assert "features made --from FILE.npy' imports it again" in capsys.readouterr().err
    assert main(words) == 0
    assert main(["slices", "made"]) == 0
    assert "imports it again" not in capsys.readouterr().err
