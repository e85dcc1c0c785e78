import json

import numpy as np
import pytest

from analysis.results import SweepResults
from dashboard.gallery import component
from dashboard.gallery.fate_marks import MARKS, fate_of
from tests.dashboard.test_pages import HOSTILE
from tests.dashboard.test_pages import open_page as open_page
from tests.synthetic import make_sweep


@pytest.fixture
def shown(monkeypatch):
    pages = []
    monkeypatch.setattr(component, "grid", lambda data, _: pages.append(data))
    return pages


def test_a_mark_is_the_kind_of_a_pie_else_whether_the_modal_label_is_right(tmp_path):
    images = SweepResults(make_sweep(tmp_path)).images("magnitude-0.90")
    fate = fate_of(images)
    marks = np.asarray(MARKS)[fate.mark]
    assert marks[images["is_pie"]].tolist() == images.loc[images["is_pie"], "kind"].tolist()
    rest = images[~images["is_pie"]]
    right = (rest["modal_label"] == rest["label"]).tolist()
    assert marks[~images["is_pie"]].tolist() == ["right" if one else "wrong" for one in right]


def test_a_tile_has_a_mark_a_level_and_its_tags(tmp_path, open_page, shown):
    folder = make_sweep(
        tmp_path, class_names=HOSTILE, variants=["magnitude=0.9,0.3,0.5", "int8-static"]
    )
    folder.marks.tag(HOSTILE[1], [0, 2])
    results = SweepResults(folder)
    open_page("gallery", population="all", sort="image_id", order="asc", sparsity="0.5")
    tiles = shown[-1]["tiles"]
    levels = ["magnitude-0.30", "magnitude-0.50", "magnitude-0.90"]
    for i, tile in enumerate(tiles):
        assert [is_here for _, _, is_here, _ in tile["fates"]] == [False, True, False]
        for (mark, words, _, level), variant in zip(tile["fates"], levels, strict=True):
            row = results.images(variant).iloc[i]
            assert HOSTILE[row["modal_label"]] in words
            assert level == variant.removeprefix("magnitude-")
            assert words.startswith(f"{level}: ")
            assert mark == row["kind"] or not row["is_pie"]
            assert words in tile["alt"]
        assert tile["tags"] == ([HOSTILE[1]] if i in (0, 2) else [])
    assert len(json.dumps(tiles)) < 1_000_000


def test_a_method_without_levels_has_no_strip(tmp_path, open_page, shown):
    make_sweep(tmp_path)
    open_page("gallery", method="int8-static", population="all")
    assert all(tile["fates"] == [] for tile in shown[-1]["tiles"])
