import numpy as np
import pytest

from analysis.figures.human_shares import human_shares
from analysis.schema import CATEGORIES, KEYS, NO_MAJORITY, NO_MAJORITY_NAME
from analysis.stats.raters import category_shares


def shares(chosen=None, aa=True):
    generator = np.random.default_rng(0)
    chosen = generator.integers(0, 8, 90) if chosen is None else chosen
    group = np.repeat([0, 1, 2], 30)
    return category_shares(
        chosen,
        pie=group == 0,
        aa_pie=(group == 1) & aa,
        non_pie=group == 2,
        categories=KEYS,
        divided=NO_MAJORITY,
    ).assign(
        study="study-1",
        category_name=[one.name for one in CATEGORIES] + [NO_MAJORITY_NAME],
    )


def test_every_group_is_drawn_with_its_shares_and_intervals():
    table = shares()
    figure = human_shares(table, note="where from")
    assert [trace.name.split(" (")[0] for trace in figure.data] == [
        "PIEs", "A/A PIEs: seeds alone", "Non-PIEs of the same classes",
    ]  # fmt: skip
    for trace, column in zip(figure.data, ("pie", "aa", "non_pie"), strict=True):
        assert list(trace.x) == table[f"{column}_share"].tolist()
        high = np.array(trace.x) + np.array(trace.error_x.array)
        assert np.allclose(high, table[f"{column}_high"])
    assert len({trace.marker.symbol for trace in figure.data}) == 3, "not by colour alone"
    assert any(one.text == "where from" for one in figure.layout.annotations)


def test_the_subtitle_counts_what_is_significant():
    chosen = np.repeat([0, 1, 1], 30)
    subtitle = human_shares(shares(chosen)).layout.title.subtitle.text.replace("<br>", " ")
    assert "non-PIEs of the same classes: 1 of 8 categories more often, 1 less" in subtitle


def test_without_aa_pies_the_figure_says_so():
    figure = human_shares(shares(aa=False))
    assert len(figure.data) == 2
    assert "no A/A PIEs" in figure.layout.title.subtitle.text


def test_nothing_rated_is_an_empty_figure_with_a_reason():
    figure = human_shares(shares().iloc[:0])
    assert "Nobody has rated" in figure.layout.annotations[-1].text


def test_several_studies_are_refused():
    table = shares()
    table.loc[3, "study"] = "study-2"
    with pytest.raises(ValueError, match="one study"):
        human_shares(table)
