"""Whose classes: outputs and classes are matched by name, and what cannot be is refused."""

import json
from pathlib import Path

import pytest

from analysis.errors import UserError
from analysis.outputs.label_space import label_space, read_class_names


def test_classes_are_matched_by_name_whatever_their_spelling() -> None:
    names = ["tench", "Great White Shark", "hen", "t-shirt/top"]
    found = label_space(["great_white-shark", "Hen", "T-SHIRT/TOP"], 4, names=names, source="x")
    assert found.of_class == (1, 2, 3)
    assert found.names == ("tench", "great_white-shark", "Hen", "T-SHIRT/TOP")


def test_without_names_classes_are_outputs_in_their_order() -> None:
    plain = label_space(["a", "b"], 2)
    assert (plain.names, plain.of_class) == (("a", "b"), (0, 1))
    shifted = label_space(["a", "b"], 3, offset=1)
    assert (shifted.names, shifted.of_class) == (("output 0", "a", "b"), (1, 2))
    with pytest.raises(UserError, match=r"--classes FILE.*--label-offset 1"):
        label_space(["a", "b"], 3)
    with pytest.raises(UserError, match="--classes FILE") as raised:
        label_space(["a", "b"], 7)
    assert "--label-offset" not in str(raised.value)


def test_a_synset_is_its_class_and_one_of_two_cranes_is_asked_for() -> None:
    names = ["tench", "goldfish", "crane", "harvester", "crane"]
    assert label_space(["n01443537"], 5, names=names, source="x").of_class == (1,)
    with pytest.raises(UserError, match=r"2 and 4.*one name"):
        label_space(["crane", "tench"], 5, names=names, source="x")
    synsets = ["n01440764", "n01443537", "n01484850"]
    found = label_space(["goldfish", "tench, Tinca tinca"], 3, names=synsets, source="x")
    assert found.of_class == (1, 0)


def test_folders_of_class_ids_are_outputs_by_number() -> None:
    names = [f"name {i}" for i in range(12)]
    assert label_space(["0", "1", "10", "2"], 12, names=names, source="x").of_class == (0, 1, 10, 2)


def test_a_class_without_an_output_is_refused_with_both_lists_and_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"'kitten' .*nearest: 'kitte'.*bird, kitte"):
        label_space(["bird", "kitten"], 2, names=["bird", "kitte"], source="x")
    with pytest.raises(UserError, match="both output 0"):
        label_space(["bird", "BIRD"], 2, names=["bird", "dog"], source="x")
    with pytest.raises(UserError, match=r"3 outputs, and x names 2 classes.*--label-offset 1"):
        label_space(["bird", "dog"], 3, names=["bird", "dog"], source="x")


@pytest.mark.parametrize(
    "content",
    [
        ["cat", "dog"], {"0": "cat", "1": "dog"}, {"cat": 0, "dog": 1},
        {"id2label": {"1": "dog", "0": "cat"}, "model_type": "vit"},
        {"label2id": {"cat": 0, "dog": 1}},
    ],
)  # fmt: skip
def test_names_are_read_from_json(content: object, tmp_path: Path) -> None:
    file = tmp_path / "names.json"
    file.write_text(json.dumps(content))
    assert read_class_names(file) == ("cat", "dog")


def test_names_are_read_from_lines(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("\ufeffcat\r\ndog, hound\n\n", encoding="utf-8")
    assert read_class_names(file) == ("cat", "dog, hound")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", "{", "expected a JSON list"), ("a.json", '{"0": "a", "2": "b"}', "output 1"),
        ("a.json", "3", "no list of names"), ("a.txt", "a\n\nb\n", "line 2 is empty"),
        ("a.txt", "", "has no class name"), ("gone.txt", None, "no such file"),
        ("a.json", '{"a": 0, "b": 0}', "output 0"),
    ],
)  # fmt: skip
def test_files_of_names_that_cannot_be_used(
    name: str, content: str | None, expected: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=expected):
        read_class_names(tmp_path / name)
