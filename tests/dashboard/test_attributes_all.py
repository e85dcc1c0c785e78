"""The Attributes page with all attributes at once, and one pair of models by value."""

import numpy as np
import pandas as pd

from analysis.store.join import join
from tests.dashboard.test_pages import open_page, told  # noqa: F401
from tests.synthetic import make_sweep

FACTORS = [f"factor_{n:02d}" for n in range(16)]


def with_factors(root, *, seeds):
    folder = make_sweep(root, seeds=seeds, n_images=300)
    generator = np.random.default_rng(0)
    columns = {name: generator.integers(0, 2, 300) for name in FACTORS}
    join(folder, pd.DataFrame({"image_id": range(300), **columns, "<b>hue": ["x", "y"] * 150}))
    return folder


def written(app):
    return " ".join(one.proto.body for one in app.get("html"))


def test_all_attributes_stand_side_by_side_at_first(tmp_path, open_page):  # noqa: F811
    with_factors(tmp_path, seeds=4)
    app = open_page("attributes")
    assert not app.error, told(app)
    shown = app.dataframe[0].value
    assert set(shown["attribute"]) == {*FACTORS, "<b>hue", "planted"}
    assert shown["attribute"].is_monotonic_increasing
    assert len(shown) == 2 * 18
    assert {"pies_of_value", "over_representation", "difference"} <= {*shown.columns}
    assert {"risk_difference", "risk_difference_low", "contrast"} <= {*shown.columns}
    assert "of 36 values likelier to be PIEs than seeds do" in written(app)
    assert "(contrast, q ≤ 0.05)" in written(app)
    assert any("how much compression adds is above, not here" in one.value for one in app.caption)
    app.selectbox(key="local-attribute").select("factor_03").run()
    assert {*app.dataframe[0].value["value"]} == {"0", "1"}
    assert app.query_params["attribute"] in ("factor_03", ["factor_03"])


def test_one_pair_of_models_is_compared_by_value(tmp_path, open_page):  # noqa: F811
    with_factors(tmp_path, seeds=1)
    app = open_page("attributes")
    assert not app.error, told(app)
    pairs = app.dataframe[0].value
    assert {"dense_top1", "top1", "top1_delta", "mcnemar_p", "mcnemar_q"} <= {*pairs.columns}
    assert len(pairs) == 2 * 18
    assert "corrected over the values" in written(app)
    assert "difference" not in app.dataframe[1].value
    alone = open_page("attributes", attribute="<b>hue")
    assert not alone.error, told(alone)
    shown = alone.dataframe[0].value
    whole = pairs[pairs["attribute"] == "<b>hue"]
    assert shown["mcnemar_q"].tolist() == whole["mcnemar_q"].tolist()
