"""Candidates of slices: every column of metadata, values that occur together, and with a class."""

import numpy as np
import pandas as pd
import pytest

from analysis.results import SweepResults
from analysis.results.slices import _small
from analysis.store import Cache
from benchmarks.why_factors import FACTORS, listed
from tests.synthetic import make_sweep

N = 200


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A sweep with the columns of ImageNet-X: 16 factors, true or not, and the top one."""
    root, generator = tmp_path_factory.mktemp("factors"), np.random.default_rng(0)
    flags = {f"meta_{one}": (generator.random(N) < 0.4).tolist() for one in FACTORS}
    top = generator.choice([*FACTORS, None], N).tolist()
    make_sweep(root, seeds=4, metadata={**flags, "meta_top_factor": top})
    return SweepResults(Cache(root).existing("made"))


def test_every_factor_its_pairs_and_its_classes_are_candidates(results):
    keys = {one.key for one in results._slices._partitions}
    columns = results.metadata()
    for one in FACTORS:
        assert f"meta:{one}" in keys
        assert (
            results.slice_images(f"meta:{one}/1").tolist()
            == np.flatnonzero(columns[f"meta_{one}"]).tolist()
        )
    assert "meta:multiple_objects & top_factor" in keys
    assert "in-class:meta:brighter" in keys


def test_groups_of_two_are_those_in_which_both_hold(results):
    columns, names = results.metadata(), results.class_names
    pairs = [p for p in results._slices._partitions if "&" in p.key or p.key.startswith("in-")]
    assert len(pairs) == 18 * 17 // 2 + 18
    for pair in pairs:
        assert set(pair.code.tolist()) - {-1} == set(range(len(pair.names)))
    by_name = {
        name: pair.code == i
        for pair in pairs
        for i, name in enumerate(pair.names)
        if pair.key in ("in-class:meta:pose", "meta:pose & top_factor")
    }
    pose, top = columns["meta_pose"].to_numpy(bool), columns["meta_top_factor"].to_numpy(object)
    bee = results.label == names.index("bee")
    assert np.array_equal(by_name["pose = True, class bee"], pose & bee)
    assert np.array_equal(by_name["pose = False, top_factor = style"], ~pose & (top == "style"))
    # An image without a value is in no group.
    told = sum(members for name, members in by_name.items() if "top_factor" in name)
    assert np.array_equal(told == 1, pd.notna(top))


@pytest.mark.parametrize("most", [0, 126, 127, 32_766, 32_767])
def test_codes_have_room_for_the_group_of_images_in_none(most):
    code = _small(np.array([-1, 0, most]))
    assert code.tolist() == [-1, 0, most]
    assert np.where(code >= 0, code, most + 1).tolist() == [most + 1, 0, most]


def test_a_planted_factor_and_one_within_a_class_are_found(tmp_path):
    members, groups = listed(tmp_path, 4000, 1, 0.6)
    for group in groups:
        assert any(group[one].mean() > 0.5 for one in members)
    nothing, _ = listed(tmp_path, 4000, 1, 0.0)
    assert nothing == []


@pytest.mark.parametrize("seeds", [1, 2, 3, 5, 6, 8])
def test_seeds_alone_say_whether_slices_can_be_tested(tmp_path, seeds):
    make_sweep(tmp_path, seeds=seeds)
    results = SweepResults(Cache(tmp_path).existing("made"))
    for variant_id in results.variant_ids:
        if variant_id != "dense":
            computed = all(one is not None for one in results._slices._excess(variant_id))
            assert results.can_test_slices(variant_id) == computed
