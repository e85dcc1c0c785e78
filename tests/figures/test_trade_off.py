import numpy as np
import pandas as pd
import pytest

from analysis.figures.trade_off import COSTS, trade_off, trade_off_info


@pytest.fixture
def drawn():
    return pd.DataFrame(
        {
            "variant_id": ["dense", "a", "b", "c", "<b>"],
            "method": ["dense", "m", "m", "int8", "<b>"],
            "sparsity": [0, 0.5, 0.9, 0, 0],
            "size_bytes": [4e6, 4e6, 4e6, 1e6, np.nan],
            "latency_ms": [2.0, 2.0, 2.0, 1.0, 1.0],
            "top1_mean": [0.8, 0.81, 0.6, 0.79, 0.5],
            "top1_ci_low": [0.79] * 5,
            "top1_ci_high": [0.82] * 5,
            "pie_excess": [np.nan, 0.02, 0.2, 0.01, 0.1],
        }
    )


def test_the_front_is_of_size_accuracy_and_excess(drawn):
    rows = trade_off_info(drawn, cost="size_bytes").rows.set_index("variant_id")
    # Dense forgets nothing, "a" is more accurate, "c" smaller; "b" is beaten by all of them.
    assert rows["front"].to_dict() == {"dense": True, "a": True, "b": False, "c": True}
    assert rows.loc["c", "cost"] == pytest.approx(1.0)


def test_what_has_no_such_cost_is_left_out(drawn):
    assert "<b>" not in set(trade_off_info(drawn, cost="size_bytes").rows["variant_id"])
    assert "<b>" in set(trade_off_info(drawn, cost="latency_ms").rows["variant_id"])


def test_without_any_excess_the_front_is_of_the_other_two(drawn):
    rows = trade_off_info(drawn.assign(pie_excess=np.nan), cost="size_bytes").rows.set_index(
        "variant_id"
    )
    assert rows["front"].to_dict() == {"dense": False, "a": True, "b": False, "c": True}


@pytest.mark.parametrize("cost", list(COSTS))
def test_every_variant_is_drawn_once_and_names_are_text(drawn, cost):
    figure = trade_off(drawn, cost=cost, note="n")
    shown = [point for t in figure.data if t.customdata is not None for point in t.customdata]
    assert sorted(p[0] for p in shown) == sorted(
        trade_off_info(drawn, cost=cost).rows["variant_id"]
    )
    assert all("<b>" not in p[1] for p in shown)
    assert "<b>" not in {t.name for t in figure.data}


def test_dense_alone_is_said():
    dense = pd.DataFrame(
        {
            "variant_id": ["dense"], "method": ["dense"], "sparsity": [0.0], "size_bytes": [1.0],
            "latency_ms": [1.0], "top1_mean": [0.5], "top1_ci_low": [0.4], "top1_ci_high": [0.6],
            "pie_excess": [np.nan],
        }
    )  # fmt: skip
    texts = [a.text for a in trade_off(dense).layout.annotations]
    assert any("no compressed variant" in text for text in texts)
