"""Every page in every empty or broken state: its heading, one message at most, never a traceback.

To extend it add a state: what makes it, and what every page, or the pages named, must say.
"""

import json

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from analysis.errors import DamageError
from analysis.results import SweepResults
from analysis.results.studies import start_study
from analysis.store.join import IMAGES
from tests.dashboard.test_pages import ALL_PAGES, APP, told, undo
from tests.synthetic import by_hand, listed, make_sweep

PAGES = (*ALL_PAGES, "sweeps")
OF_A_SWEEP = frozenset(ALL_PAGES)
OTHERS = ("magnitude-0.50", "magnitude-0.90", "int8-static")


def made(root, **options):
    return make_sweep(root, n_images=80, **{"seeds": 4, "shifts": ("fog-3",), **options})


def cut(folder, name):
    path = folder.path / name
    path.write_bytes(path.read_bytes()[:100])


def without(folder, *columns):
    images = folder.read_images().drop_columns(list(columns))
    manifest = folder.manifest()
    manifest.files[IMAGES] = folder.write_images(images)
    folder.write_manifest(manifest)


def without_pictures(folder):
    images = folder.read_images()
    place = images.column_names.index("image")
    import pyarrow as pa

    column = pa.nulls(len(images), images.schema.field("image").type)
    manifest = folder.manifest()
    manifest.files[IMAGES] = folder.write_images(images.set_column(place, "image", column))
    folder.write_manifest(manifest)


def no_pies(root):
    folder = made(root, variants=("int8-static",))
    for seed in range(4):
        dense = folder.prediction_path("dense", seed).read_bytes()
        folder.prediction_path("int8-static", seed).write_bytes(dense)
    listed(folder)


def running(root):
    made(root)
    undo(root, [("int8-static", seed) for seed in range(2)])


def empty(root):
    root.mkdir(exist_ok=True)


def damaged_manifest(root):
    (made(root).path / "manifest.json").write_text('{"schema_version": 1, "runs": 7')


def places_outside(root):
    path = made(root).path / "manifest.json"
    manifest = by_hand(path)
    manifest["shifts"][0]["name"] = "../../outside"
    path.write_text(json.dumps(manifest))


def no_manifest(root):
    (made(root).path / "manifest.json").unlink()


def no_images(root):
    (made(root).path / IMAGES).unlink()


def missing(root):
    made(root).prediction_path("magnitude-0.90", 3).unlink()


def cut_images(root):
    cut(made(root), IMAGES)


def cut_run(root):
    cut(made(root), "predictions/dense/seed-0.parquet")


def cut_shift(root):
    cut(made(root), "shifts/fog-3/predictions/magnitude-0.90/seed-0.parquet")


def half(root):
    made(root)
    undo(root, [("int8-static", s) for s in range(4)] + [("magnitude-0.90", 2)])


def dense_alone(root):
    made(root)
    undo(root, [(variant, seed) for variant in OTHERS for seed in range(4)])


def nothing_done(root):
    made(root)
    undo(root, [(variant, seed) for variant in ("dense", *OTHERS) for seed in range(4)])


def no_dense(root):
    made(root)
    undo(root, [("dense", seed) for seed in range(4)])


def damaged_marks(root):
    folder = made(root)
    folder.marks.tag("odd", [1])
    (folder.path / "marks" / "marks.json").write_text("[")


def damaged_study(root):
    folder = made(root)
    study = start_study(SweepResults(folder), "magnitude-0.90", size=20, seed=1)
    (folder.annotations.path / f"{study}.jsonl").write_text("no design\n")


def study_of_others(root):
    folder = made(root)
    start_study(SweepResults(folder), "magnitude-0.90", size=20, seed=1)
    manifest = folder.manifest()
    manifest.dataset_fingerprint = "another"
    folder.write_manifest(manifest)


# What makes the state; the pages that tell an error, and the words of it; words of all others.
STATES = {
    "empty": (empty, (), ""),
    "damaged manifest": (damaged_manifest, OF_A_SWEEP, "is damaged"),
    "places outside": (places_outside, OF_A_SWEEP, "is damaged"),
    "no manifest": (no_manifest, OF_A_SWEEP, "no manifest"),
    "missing run": (missing, OF_A_SWEEP, "is missing"),
    "no images": (no_images, OF_A_SWEEP, "is missing"),
    "cut images": (cut_images, OF_A_SWEEP, "is damaged"),
    "cut run": (cut_run, OF_A_SWEEP, "is damaged"),
    "cut shift": (cut_shift, {"robustness"}, "is damaged"),
    "half finished": (half, (), ""),
    "dense alone": (dense_alone, (), ""),
    "nothing done": (nothing_done, (), ""),
    "no dense": (no_dense, (), ""),
    "K = 1": (lambda root: made(root, seeds=1), (), ""),
    "no PIE": (no_pies, (), ""),
    "no thumbnails": (lambda root: without_pictures(made(root)), (), ""),
    "no metadata": (lambda root: without(made(root), "meta_planted"), (), ""),
    "running elsewhere": (running, (), ""),
    "damaged marks": (damaged_marks, {"gallery"}, "is damaged"),
    "damaged study": (damaged_study, {"annotate"}, "cannot be read"),
    "study of other images": (study_of_others, (), ""),
}


READ_ONLY = ("empty", "half finished", "dense alone", "damaged study")


@pytest.mark.parametrize(
    ("state", "read_only"),
    [*((state, False) for state in STATES), *((state, True) for state in READ_ONLY)],
)
def test_every_page_in_every_state(tmp_path, monkeypatch, state, read_only):
    make, failing, words = STATES[state]
    st.cache_resource.clear()
    make(tmp_path)
    monkeypatch.setenv("LETHE_CACHE", str(tmp_path))
    monkeypatch.setenv("LETHE_READ_ONLY", "1" if read_only else "")
    for page in PAGES:
        app = AppTest.from_file(APP, default_timeout=60)
        app._page_hash = calc_hash(page)
        app.run()
        assert not app.exception, (page, [one.value for one in app.exception])
        assert app.title[0].value == (page or "overview").capitalize()
        errors = [one.value.replace("\\", "") for one in app.error]
        assert len(errors) == (page in failing), (page, errors)
        assert all(words in error for error in errors), (page, errors)
        assert not any("could not be read (" in error for error in errors), (page, errors)
        if state == "empty" and page != "sweeps":
            assert "holds no sweep yet" in told(app)


def test_what_fails_while_it_is_waited_for_is_told_by_the_page_once(tmp_path, monkeypatch):
    """The answer may come between two questions for it: in the page, then in its fragment."""
    from dashboard import data

    st.cache_resource.clear()
    made(tmp_path)
    monkeypatch.setenv("LETHE_CACHE", str(tmp_path))
    asked = []

    def failing(_results):
        asked.append(1)
        if len(asked) == 1:
            return False
        raise DamageError("a file is damaged")

    monkeypatch.setattr(data, "has_inference", failing)
    for page in ("attributes", "compare", ""):
        asked.clear()
        app = AppTest.from_file(APP, default_timeout=60)
        app._page_hash = calc_hash(page)
        app.run()
        assert not app.exception, page
        assert [one.value for one in app.error] == ["a file is damaged"], page
