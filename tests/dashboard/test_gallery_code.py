import numpy as np
import pytest

from analysis.results import load_sweep
from dashboard.gallery import component
from tests.dashboard.test_pages import HOSTILE
from tests.dashboard.test_pages import open_page as open_page
from tests.synthetic import make_sweep

FILTERS = (
    {},
    {"population": "all", "sort": "image_id", "order": "asc"},
    {"population": "non-pies", "class": [HOSTILE[0], HOSTILE[4]], "sort": "label"},
    {"kind": ["forgotten", "changed"], "sort": "agreement_drop", "order": "asc"},
    {"population": "all", "class": HOSTILE[1], "class_of": "dense", "sort": "accuracy_drop"},
    {"population": "all", "becomes": HOSTILE[2], "sort": "dense_confidence"},
    {"population": "all", "agreement": "40-80", "distance": "10-60", "sort": "dense_vote_entropy"},
    {"population": "all", "meta": ["planted:blur", "planted:noise"], "sort": "breaking_point"},
    {"population": "all", "sort": "confidence_lost"},
    {"population": "all", "tag": HOSTILE[0], "sort": "stability"},
    {"population": "all", "not_tag": HOSTILE[0], "not_class": HOSTILE[1:3]},
    {"not_pie_in": ["magnitude-0.50", "int8-static"], "not_class": HOSTILE[1]},
    {"population": "all", "range": ["margin:0.2..0.9", "entropy:0..0.6"], "sort": "margin"},
    {"population": "all", "range": ["stability:0.1..1", "confidence_lost:-.1..1"], "sort": "kl"},
    {"population": "all", "range": "breaking_point:0.5..0.9", "sort": "entropy"},
    {"population": "all", "range": ["meta_light:-3..5", "meta_light:0..9.5"], "sort": "meta_light"},
    {"population": "all", "variant": "int8-static", "range": "kl:0.01..9", "sort": "kl"},
    {"population": "all", "slice": [HOSTILE[0], "odd"], "kind": ["forgotten", "changed"]},
    {"population": "all", "selected": "1-40,77", "slice": "odd"},
    {"population": "non-pies", "pie_in": "magnitude-0.50", "class_of": "variant"},
)


@pytest.mark.parametrize("asked", FILTERS)
def test_the_lines_give_the_images_of_the_gallery_in_its_order(
    tmp_path,
    open_page,
    monkeypatch,
    asked,
):
    light = {"meta_light": [None if i % 9 == 0 else i / 10 - 5 for i in range(200)]}
    marks = make_sweep(tmp_path, class_names=HOSTILE, metadata=light).marks
    marks.tag(HOSTILE[0], [3, 1, 70, 12])
    marks.save_slice(HOSTILE[0], range(0, 200, 3))
    marks.save_slice("odd", range(1, 200, 2))
    shown = []
    monkeypatch.setattr(component, "grid", lambda data, _: shown.append(data))
    app = open_page("gallery", per_page="240", **asked)
    app.session_state["gallery-code"] = True
    app.run()
    names: dict = {}
    exec(app.code[0].value, names)
    ids = names["table"]["image_id"].tolist()
    assert ids == [tile["id"] for tile in shown[-1]["tiles"]]
    assert ids


def test_what_is_selected_goes_before_the_filters(tmp_path, open_page):
    make_sweep(tmp_path)
    app = open_page("gallery")
    app.session_state["memory-selected-made"] = np.array([2, 5])
    app.session_state["gallery-code"] = True
    app.run()
    names: dict = {}
    exec(app.code[0].value, names)
    expected = load_sweep("made", cache=tmp_path).images("magnitude-0.90")
    assert names["table"].equals(expected[expected["image_id"].isin([2, 5])])
