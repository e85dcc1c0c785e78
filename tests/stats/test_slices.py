"""Slices: suggested by one half of the images, tested on the other."""

import numpy as np

from analysis.stats.forecast import halves_of_images
from analysis.stats.jackknife import Jackknife
from analysis.stats.slices import Partition, borders, class_parts, clusters, find_slices

N = 1200
PAIR = Jackknife(())


def planted(seed: int, added: float) -> tuple[Partition, np.ndarray, np.ndarray]:
    """One pair of models; the first of twelve groups loses ``added`` of its images."""
    generator = np.random.default_rng(seed)
    code = generator.integers(0, 12, N)
    wrong = generator.random(N)
    lost = wrong < 0.05 + added * (code == 0)
    won = (wrong > 0.95) & ~lost
    partition = Partition("groups", code, [f"group {i}" for i in range(12)])
    return partition, lost.astype(float), won.astype(float)


def test_a_planted_group_is_found_and_judged_by_the_other_half() -> None:
    partition, lost, won = planted(0, 0.4)
    (found,) = find_slices([partition], lost, won, PAIR)
    assert found.group == 0
    assert found.n == int((partition.code == 0).sum())
    test = ~halves_of_images(N) & (partition.code == 0)
    assert found.risk[0] == (lost - won)[test].mean()
    assert found.risk[1] > 0
    assert found.contrast[4] <= 0.05


def test_what_stands_out_on_the_choosing_half_alone_is_not_listed() -> None:
    partition, lost, won = planted(1, 0.0)
    lost = np.where(halves_of_images(N) & (partition.code == 0), 1.0, lost)
    assert find_slices([partition], lost, won, PAIR) == []


def test_where_nothing_is_planted_something_is_seldom_listed() -> None:
    listed = [
        bool(find_slices([planted(s, 0.0)[0]], *planted(s, 0.0)[1:], PAIR)) for s in range(60)
    ]
    assert sum(listed) <= 6


def test_groups_that_gain_and_small_ones_are_no_slices() -> None:
    partition, lost, won = planted(2, 0.4)
    assert find_slices([partition], won, lost, PAIR) == []
    few = Partition("few", np.where(np.arange(N) < 15, 0, -1), ["few"])
    assert find_slices([few], (np.arange(N) < 15).astype(float), np.zeros(N), PAIR) == []


def test_near_copies_of_a_group_are_listed_once() -> None:
    partition, lost, won = planted(0, 0.4)
    copy = Partition("copy", partition.code, partition.names)
    assert len(find_slices([partition, copy], lost, won, PAIR)) == 1


def test_without_a_jackknife_nothing_is_listed() -> None:
    assert find_slices([planted(0, 0.4)[0]], *planted(0, 0.4)[1:], None) == []


def test_clusters_hold_every_image_and_are_always_the_same() -> None:
    features = np.random.default_rng(0).normal(size=(400, 6))
    found = clusters(features)
    assert [one.key for one in found] == ["clusters-8", "clusters-13", "clusters-20"]
    for one, again in zip(found, clusters(features), strict=True):
        assert np.array_equal(one.code, again.code)
        assert set(one.code) <= set(range(len(one.names)))
    label = np.repeat([0, 1], 200)
    for part in class_parts(features, label, ["cat", "dog"]):
        for group, name in enumerate(part.names):
            assert len({*label[part.code == group]}) == 1
            assert name.startswith("cat" if label[part.code == group][0] == 0 else "dog")


def test_borders_are_of_the_images_that_runs_dispute() -> None:
    found = borders(np.array([[0, 1, 2, -1], [0, 2, 1, 1]]), ["a", "b", "c"])
    assert found is not None
    assert found.code.tolist() == [-1, 0, 0, -1]
    assert list(found.names) == ["b against c"]
    assert borders(np.array([[0, 1]]), ["a", "b"]) is None
