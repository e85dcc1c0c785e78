"""Selections as an address spells them, and named slices: kept, bounded, damaged."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from analysis.errors import DamageError, UserError
from analysis.store import Cache
from analysis.store import selections as kept
from analysis.store.selections import Selections, read_ids, spelled
from analysis.store.tags import Marks
from analysis.sweep.merge import merge
from tests.synthetic import make_sweep


@pytest.mark.parametrize(
    ("ids", "text"),
    [([], ""), ([4], "4"), ([7, 3, 5, 4, 12, 3], "3-5,7,12"), ([0, 1, 2], "0-2")],
)
def test_images_are_spelled_as_ranges(ids: list[int], text: str) -> None:
    assert spelled(ids) == text
    if ids:
        found = read_ids(text, 20)
        assert found is not None
        assert found.tolist() == sorted(set(ids))


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "1,",
        "a",
        "-1",
        "3-2",
        "1-20",
        "1;2",
        "1e3",
        "٣",
        "1 ",
        "<script>",
        "9" * 12,
        "0-" * 9,
    ],
)
def test_what_spells_no_images_is_none(text: str) -> None:
    assert read_ids(text, 20) is None


def test_few_are_in_the_address_and_many_under_a_key(tmp_path: Path) -> None:
    held = Selections(tmp_path)
    assert held.keep([1, 2, 3]) == "1-3"
    assert list(tmp_path.rglob("*.txt")) == []
    many = np.arange(0, 2000, 2)
    key = held.keep(many)
    assert key.startswith("~")
    assert len(key) == 17
    assert Selections(tmp_path).keep(many[::-1]) == key
    found = held.read(key, 2000)
    assert found is not None
    assert np.array_equal(found, many)
    assert held.read("1-3", 2000).tolist() == [1, 2, 3]  # type: ignore[union-attr]
    assert held.read("~0123456789abcdef", 2000) is None
    assert held.read("~../../manifest", 2000) is None
    assert held.read("1," * 5000 + "1", 2000) is None  # longer than any that is spelled
    with pytest.raises(DamageError):
        held.read(key, 100)  # of another sweep
    (path,) = tmp_path.rglob("*.txt")
    path.write_text("1-1000")
    with pytest.raises(DamageError, match="damaged"):
        held.read(key, 2000)


def test_the_oldest_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_KEPT", 3)
    held = Selections(tmp_path)
    keys = [held.keep(np.arange(i, i + 600, 2)) for i in range(6)]
    assert len(list(tmp_path.rglob("*.txt"))) == 3
    assert held.read(keys[-1], 2000) is not None


def test_slices_are_kept_replaced_and_forgotten(tmp_path: Path) -> None:
    marks = Marks(tmp_path)
    assert marks.save_slice("  the\nblurred ", [3, 1, 3]) == "the blurred"
    marks.tag("odd", [1])
    assert Marks(tmp_path).read().slices == {"the blurred": [1, 3]}
    marks.save_slice("the blurred", [9])
    assert marks.read().slices == {"the blurred": [9]}
    assert marks.read().tags == {"odd": [1]}
    with pytest.raises(UserError, match="no image"):
        marks.save_slice("none", [])
    for name in ("", "x" * 61, "a\x00b"):
        with pytest.raises(UserError, match="name"):
            marks.save_slice(name, [1])
    marks.forget_slice("the blurred")
    marks.forget_slice("never there")
    assert marks.read().slices == {}


def test_a_file_of_before_slices_is_read(tmp_path: Path) -> None:
    Marks(tmp_path).tag("a", [1])
    (path,) = tmp_path.rglob("marks.json")
    path.write_text('{"tags": {"a": [1]}, "views": {}}')
    assert Marks(tmp_path).read().slices == {}
    Marks(tmp_path).save_slice("b", [2])
    assert Marks(tmp_path).read().tags == {"a": [1]}
    path.write_text('{"tags": {}, "views": {}, "slices": [1]}')
    with pytest.raises(DamageError, match="slices"):
        Marks(tmp_path).read()


def _save(place: str, number: int) -> None:
    Marks(Path(place)).save_slice(f"slice {number}", [number])


def test_writers_at_once_lose_no_slice(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(_save, [str(tmp_path)] * 12, range(12)))
    assert len(Marks(tmp_path).read().slices) == 12


def test_slices_go_where_the_sweep_goes(tmp_path: Path) -> None:
    one, other = make_sweep(tmp_path, "one"), make_sweep(tmp_path, "other")
    one.marks.save_slice("mine", [1])
    one.marks.save_slice("both", [2])
    other.marks.save_slice("both", [3])
    other.marks.save_slice("theirs", [4])
    key = Selections(one.path).keep(np.arange(0, 200 * 2, 2) // 2)
    cache = Cache(tmp_path)
    merge(cache, "one", "other", "merged")
    assert cache.sweep("merged").marks.read().slices == {"both": [2], "mine": [1], "theirs": [4]}
    cache.rename("one", "uno")
    assert Selections(cache.sweep("uno").path).read(key, 200) is not None
    assert cache.sweep("uno").verify() == []
