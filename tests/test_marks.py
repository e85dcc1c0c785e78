"""Tags and saved views: what people keep beside a sweep."""

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from analysis.errors import CacheError, UserError
from analysis.store import Cache
from analysis.store.tags import Marks
from analysis.sweep.merge import merge
from tests.synthetic import make_sweep


def test_tags_are_kept_and_taken_away(tmp_path):
    marks = Marks(tmp_path)
    assert marks.read().tags == {}
    assert marks.stamp() == ""
    assert marks.tag("  odd\n label ", [3, 1]) == "odd label"
    first = marks.stamp()
    marks.tag("odd label", [2, 3])
    assert Marks(tmp_path).read().tags == {"odd label": [1, 2, 3]}
    assert marks.stamp() != first
    marks.untag("odd label", [1])
    assert marks.read().tags == {"odd label": [2, 3]}
    marks.untag("odd label", [2, 3])
    assert marks.read().tags == {}
    marks.untag("never there", [1])


@pytest.mark.parametrize("name", ["", "  \n", "x" * 61, "a\x00b", "\ud800"])
def test_a_name_that_cannot_be_kept_is_refused_and_nothing_changes(tmp_path, name):
    marks = Marks(tmp_path)
    marks.tag("kept", [1])
    with pytest.raises(UserError, match="name"):
        marks.tag(name, [2])
    with pytest.raises(UserError, match="name"):
        marks.save_view(name, {})
    assert marks.read().tags == {"kept": [1]}


@pytest.mark.parametrize("name", ["<script>", "../../etc", "=1+1", "a/b", "ü 日本 😀", "\u202eabc"])
def test_any_text_is_a_name_and_stays_in_the_one_file(tmp_path, name):
    marks = Marks(tmp_path)
    marks.tag(name, [1])
    marks.save_view(name, {"class": [name]})
    assert list(marks.read().tags) == [name]
    assert marks.read().views == {name: {"class": [name]}}
    assert {p.name for p in tmp_path.rglob("*") if p.is_file()} <= {"marks.json", ".lock"}


def test_views_keep_the_rule(tmp_path):
    marks = Marks(tmp_path)
    marks.save_view("worst", {"kind": ["forgotten"], "sort": ["label"]})
    marks.save_view("worst", {"kind": ["changed"]})
    assert marks.read().views == {"worst": {"kind": ["changed"]}}
    marks.forget_view("worst")
    assert marks.read().views == {}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"tags": 3, "views": {}}', '{"tags": {"a": ["x"]}, "views": {}}']
)
def test_a_damaged_file_is_named_and_not_written_over(tmp_path, content):
    marks = Marks(tmp_path)
    marks.tag("a", [1])
    (path,) = tmp_path.rglob("marks.json")
    path.write_text(content)
    with pytest.raises(CacheError, match=r"marks\.json is damaged"):
        marks.read()
    with pytest.raises(CacheError, match=r"marks\.json is damaged"):
        marks.tag("b", [2])
    assert path.read_text() == content


def _tag_many(folder: str, start: int) -> None:
    for image_id in range(start, start + 20):
        Marks(Path(folder)).tag("shared", [image_id])


def test_two_processes_lose_nothing_of_each_other(tmp_path):
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(_tag_many, [str(tmp_path)] * 2, [0, 100]))
    assert Marks(tmp_path).read().tags["shared"] == [*range(20), *range(100, 120)]


def test_verify_passes_over_them_and_rename_and_merge_take_them_along(tmp_path):
    one = make_sweep(tmp_path, "one", seeds=3)
    other = make_sweep(tmp_path, "other", seeds=3)
    one.marks.tag("odd", [1, 2])
    one.marks.save_view("mine", {"kind": ["forgotten"]})
    other.marks.tag("odd", [2, 5])
    other.marks.save_view("mine", {"kind": ["changed"]})
    other.marks.save_view("theirs", {"sort": ["label"]})
    assert one.verify() == []
    cache = Cache(tmp_path)
    merge(cache, "one", "other", "both")
    merged = cache.sweep("both").marks.read()
    assert merged.tags == {"odd": [1, 2, 5]}
    assert merged.views == {"mine": {"kind": ["forgotten"]}, "theirs": {"sort": ["label"]}}
    cache.rename("one", "uno")
    assert cache.sweep("uno").marks.read().tags == {"odd": [1, 2]}


def test_the_file_is_plain_json(tmp_path):
    Marks(tmp_path).tag("a", [1])
    (path,) = tmp_path.rglob("marks.json")
    kept = json.loads(path.read_text())
    assert len(kept.pop("content_sha256")) == 64
    assert kept == {"tags": {"a": [1]}, "slices": {}, "views": {}}
