"""The figure of culprit layers: every layer, its interval, names that do not cover one another."""

import pandas as pd
import pytest

from analysis import schema
from analysis.figures.layers import culprit_layers


def rows(n: int = 12) -> pd.DataFrame:
    """A layers table of n layers at nearly the same place, and the best together."""
    k = [1] * n + [2, 3, 4]
    found = pd.DataFrame(
        {
            "variant_id": "int8", "layer": [f"block.{i}.conv" for i in range(n + 3)], "k": k,
            "forgotten_restored": [0.5 - i / 100 for i in range(n)] + [0.6, 0.7, 0.8],
            "top1": 0.9, "bytes_added": [100 + i for i in range(n + 3)], "split": "test half",
            "seed": 0, "rank": [*range(1, n + 1), None, None, None], "n_restored": 5,
            "n_forgotten": 10, "mcnemar_p": 0.01,
        }
    )  # fmt: skip
    found["forgotten_restored_low"] = found["forgotten_restored"] - 0.1
    found["forgotten_restored_high"] = found["forgotten_restored"] + 0.1
    return found.reindex(columns=list(schema.LAYERS_COLUMNS))


def test_every_layer_is_a_point_with_its_interval() -> None:
    figure = culprit_layers(rows())
    singles, sets = figure.data
    assert len(singles.x) == 12
    assert list(sets.y) == [0.5, 0.6, 0.7, 0.8]
    assert [one[0] for one in singles.customdata] == [f"block.{i}.conv" for i in range(12)]
    assert list(singles.error_y.array) == pytest.approx([0.1] * 12)


def test_names_that_would_cover_others_are_left_to_the_hover() -> None:
    figure = culprit_layers(rows())
    drawn = [text for trace in figure.data for text in trace.text if text]
    assert len(drawn) == len(set(drawn))
    assert "block.0.conv" in drawn
    assert "block.11.conv" not in drawn  # beyond the first of the ranking


def test_without_layers_it_says_what_makes_them() -> None:
    figure = culprit_layers(rows().iloc[:0])
    assert "'remedy SWEEP layers' does" in figure.layout.annotations[-1].text.replace("<br>", " ")


def test_several_variants_are_refused() -> None:
    both = pd.concat([rows(), rows().assign(variant_id="other")])
    with pytest.raises(ValueError, match="draws one variant"):
        culprit_layers(both)
