"""Whose classes: the outputs of a model by name, and which class of the images each one is."""

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from analysis.datasets.files import lines_of, read_text
from analysis.errors import UserError

_SYNSET = re.compile(r"n\d{8}")
_SPACES = re.compile(r"[\s_\-]+")
_MOST_BYTES = 64 * 2**20
_SHOWN = 5


@dataclass(frozen=True)
class LabelSpace:
    """The classes of a model, one an output, and those of the images among them.

    Parameters
    ----------
    names : tuple of str
        Name of each output, in order.
    of_class : tuple of int
        Output of each class of the images, in the order of their class ids.
    source : str
        Where the names come from, in words.
    """

    names: tuple[str, ...]
    of_class: tuple[int, ...]
    source: str

    @property
    def is_identity(self) -> bool:
        """Whether classes and outputs are the same, in the same order."""
        return self.of_class == tuple(range(len(self.names)))


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read the names of a model's outputs, in their order.

    A text file has one name a line. A JSON file has a list, ``{"0": name}`` or ``{name: 0}``, or is
    the ``config.json`` of a Hugging Face model with its ``id2label``.

    Raises
    ------
    UserError
        It cannot be read, has another form, or names an output twice or not at all.
    """
    text = read_text(path, "--classes", most_bytes=_MOST_BYTES, what="a list of classes")
    if path.suffix.lower() == ".json":
        try:
            names = names_in(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"--classes {path}: {error}; expected a JSON list of names, "
                '{"0": name, …}, {name: 0, …} or the config.json of a Hugging Face model'
            ) from None
    else:
        names = tuple(lines_of(text))
        if "" in names:
            raise UserError(f"--classes {path}: line {names.index('') + 1} is empty")
    if not names:
        raise UserError(f"--classes {path}: it names no class; expected one a line, or JSON")
    return names


def names_in(found: Any) -> tuple[str, ...]:
    """Names of outputs in what a JSON file or a model's metadata holds.

    Raises
    ------
    ValueError
        It has another form.
    """
    if isinstance(found, dict) and isinstance(found.get("id2label"), dict):
        found = found["id2label"]
    elif isinstance(found, dict) and isinstance(found.get("label2id"), dict):
        found = found["label2id"]
    if isinstance(found, list) and all(isinstance(one, str | int) for one in found):
        return tuple(str(one) for one in found)
    if not isinstance(found, dict) or not found:
        raise ValueError("it is no list of names")
    if all(_is_number(key) for key in found) and all(isinstance(v, str) for v in found.values()):
        places = {int(key): name for key, name in found.items()}
    elif all(_is_number(value) for value in found.values()):
        places = {int(value): str(name) for name, value in found.items()}
    else:
        raise ValueError("it says of no output which class it is")
    lacking = next((i for i in range(len(places)) if i not in places), None)
    if lacking is not None or len(places) != len(found):
        raise ValueError(f"output {lacking or 0} has no name, or one has two")
    return tuple(places[i] for i in range(len(places)))


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, str) and value.isdecimal())


def label_space(
    class_names: Sequence[str],
    n_outputs: int,
    *,
    names: Sequence[str] = (),
    source: str = "",
    offset: int = 0,
    subject: str = "the model",
) -> LabelSpace:
    """Find which output each class of the images is.

    Parameters
    ----------
    class_names : sequence of str
        Classes of the images, in the order of their ids.
    n_outputs : int
        Outputs of the model.
    names : sequence of str
        Names of its outputs, where something says them; ``source`` says what.
    offset : int
        How many outputs stand before the first class, such as one of a background.
    subject : str
        What messages call the model.

    Raises
    ------
    UserError
        No names are known and the numbers differ, the names are of another number of outputs, or a
        class of the images is no output.
    """
    if offset and (names and len(names) == n_outputs - offset):
        names = [*(f"output {i}" for i in range(offset)), *names]
    if not names:
        return _by_place(class_names, n_outputs, offset, subject)
    if len(names) != n_outputs:
        raise UserError(
            f"{subject} has {n_outputs} outputs, and {source} names {len(names)} classes"
            + _hint(n_outputs - len(names))
        )
    found = _matched(class_names, names, source, subject)
    shown = list(names)
    for class_id, place in enumerate(found):
        shown[place] = class_names[class_id]
    return LabelSpace(_each_once(shown), tuple(found), source)


def _by_place(class_names: Sequence[str], n_outputs: int, offset: int, subject: str) -> LabelSpace:
    n = len(class_names)
    if n_outputs != n + offset:
        after = f" after --label-offset {offset}" if offset else ""
        raise UserError(
            f"{subject} has {n_outputs} outputs, and the images have {n} classes"
            f"{after} ({_some(class_names)}): --classes FILE names the outputs, one a line"
            + _hint(n_outputs - n - offset)
            + "; where those are not its classes, the images are of another dataset or folder"
        )
    before = [f"output {i}" for i in range(offset)]
    return LabelSpace(
        _each_once([*before, *class_names]),
        tuple(range(offset, n_outputs)),
        "the classes of the images, in their order",
    )


def _hint(more: int) -> str:
    return "; --label-offset 1 where the first output is a background class" if more == 1 else ""


def _matched(
    class_names: Sequence[str], names: Sequence[str], source: str, subject: str
) -> list[int]:
    """Output of each class; a name that several outputs have is the one that no other class is."""
    index = _index(names)
    places = [_places(name, index) for name in class_names]
    if not any(places) and all(name.isdecimal() and int(name) < len(names) for name in class_names):
        places = [[int(name)] for name in class_names]  # folders that are called by class ids
    lacking = [name for name, found in zip(class_names, places, strict=True) if not found]
    if lacking:
        raise UserError(_unmatched(lacking, names, source, subject))
    taken = {found[0] for found in places if len(found) == 1}
    chosen: list[int] = []
    for class_id, found in enumerate(places):
        free = [place for place in found if place not in taken] or found
        if len(found) == 1:
            free = found
        elif class_id in found and len(class_names) == len(names):
            free = [class_id]
        elif len(free) > 1:
            free = [place for place in free if names[place] == class_names[class_id]] or free
        if len(free) > 1:
            raise UserError(
                f"the class {class_names[class_id]!r} of the images can be the outputs "
                f"{' and '.join(map(str, free[:3]))} of {subject}, which {source} calls alike; "
                "give --classes FILE with a name of its own for each output"
            )
        chosen.append(free[0])
        taken.add(free[0])
    twice = next((i for i, place in enumerate(chosen) if place in chosen[:i]), None)
    if twice is not None:
        other = class_names[chosen.index(chosen[twice])]
        raise UserError(
            f"the classes {other!r} and {class_names[twice]!r} of the images are both output "
            f"{chosen[twice]}, {names[chosen[twice]]!r}, of {subject}; give --classes FILE with a "
            "name of its own for each output"
        )
    return chosen


def _index(names: Sequence[str]) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Outputs by whole name, and by every name between commas."""
    whole: dict[str, list[int]] = {}
    parts: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        whole.setdefault(plain(name), []).append(place)
        for part in {plain(part) for part in name.split(",")}:
            parts.setdefault(part, []).append(place)
    return whole, parts


def plain(name: str) -> str:
    """Write a class name as it is compared: lower case, without spaces, ``_`` and ``-``."""
    return _SPACES.sub("", name).casefold()


def _places(name: str, index: tuple[dict[str, list[int]], dict[str, list[int]]]) -> list[int]:
    """Outputs that a class can be, by its name, its synonyms and its WordNet id."""
    words = [name]
    synset = _SYNSET.match(name)
    if synset is not None:
        words += [synset[0], *_of_synset(synset[0])]
    else:
        words += [part for part in name.split(",") if part]
        words += [word for one in _synset_of(name) for word in (one, *_of_synset(one))]
    words = [plain(word) for word in words]
    found = [places[word] for places in index for word in words if word in places]
    return next((one for one in found if len(one) == 1), found[0] if found else [])


def _of_synset(synset: str) -> list[str]:
    """Names of a WordNet id, all of them first; empty where it is not known."""
    described = _synsets().get(synset)
    return [] if described is None else [described, *described.split(",")]


def _synset_of(name: str) -> list[str]:
    found = _by_description().get(plain(name))
    return [found] if found else []


@cache
def _synsets() -> dict[str, str]:
    """Names of WordNet ids as a file of timm has them, which is read without importing timm."""
    found = find_spec("timm")
    if found is None or not found.submodule_search_locations:
        return {}
    folder = Path(found.submodule_search_locations[0]) / "data" / "_info"
    try:
        text = (folder / "imagenet_synset_to_lemma.txt").read_text(encoding="utf-8")
    except OSError:
        return {}
    return dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)


@cache
def _by_description() -> dict[str, str]:
    """WordNet ids of ImageNet's 1,000 classes by each of their names; ambiguous names left out."""
    found = find_spec("timm")
    if found is None or not found.submodule_search_locations:
        return {}
    file = Path(found.submodule_search_locations[0]) / "data" / "_info" / "imagenet_synsets.txt"
    try:
        ids = file.read_text(encoding="utf-8").split()
    except OSError:
        return {}
    back: dict[str, str] = {}
    twice = set()
    for synset in ids:
        described = _synsets().get(synset, "")
        for word in {plain(described), *(plain(part) for part in described.split(","))}:
            if word in back:
                twice.add(word)
            back[word] = synset
    return {word: synset for word, synset in back.items() if word not in twice}


def _unmatched(lacking: list[str], names: Sequence[str], source: str, subject: str) -> str:
    near = []
    for name in lacking[:_SHOWN]:
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        near.append(f"{name!r:.60}" + (f" (nearest: {close[0]!r:.60})" if close else ""))
    more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
    return (
        f"no output of {subject} is called {', '.join(near)}{more}; {source} names "
        f"{len(names)} outputs: {_some(names)}. Rename the classes, or give --classes FILE with "
        "the names of the outputs in their order"
    )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"{name:.40}" for name in names[:_SHOWN])
    return shown + (f", … {len(names)} in all" if len(names) > _SHOWN else "")


def _each_once(names: Sequence[str]) -> tuple[str, ...]:
    """Names as they are, those that come twice with their place."""
    seen: set[str] = set()
    found = []
    for place, name in enumerate(names):
        found.append(f"{name} ({place})" if name in seen else name)
        seen.add(name)
    return tuple(found)
