"""Whether two variants forget the same images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import jaccard_score

from analysis import schema
from analysis.stats.pie import pie_overlap

IDS = ["a", "b", "c"]


@settings(deadline=None)
@given(arrays.arrays(np.bool_, (3, 8)), st.permutations(range(8)))
def test_overlap_is_the_jaccard_score_of_the_flags_in_any_order_of_images(pie, order):
    table = pie_overlap(IDS, pie[:, list(order)])
    for row in table.itertuples():
        one, other = pie[IDS.index(row.variant_id)], pie[IDS.index(row.other_variant_id)]
        assert row.n_both == (one & other).sum()
        assert row.n_either == (one | other).sum()
        if row.n_either:
            assert row.jaccard == pytest.approx(jaccard_score(one, other))
        else:
            assert np.isnan(row.jaccard)


def test_every_pair_has_a_row_and_a_variant_overlaps_itself_fully():
    table = pie_overlap(IDS, np.eye(3, dtype=bool))
    assert list(table.columns) == list(schema.OVERLAP_COLUMNS)
    same = table["variant_id"] == table["other_variant_id"]
    assert len(table) == 9
    assert (table.loc[same, "jaccard"] == 1).all()
    assert (table.loc[~same, "jaccard"] == 0).all()
