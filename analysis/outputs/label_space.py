"""Label spaces: names of a model's outputs, and the output of each class of the images."""

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
    """The classes of a model, one per output, and the outputs of the images' classes.

    Parameters
    ----------
    names : tuple of str
        Name of each output, in order.
    of_class : tuple of int
        Output of each class of the images, in the order of their class ids.
    source : str
        Source of the names, in words.
    """

    names: tuple[str, ...]
    of_class: tuple[int, ...]
    source: str


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read the names of a model's outputs, in their order.

    A text file has one name a line. A JSON file has a list, ``{"0": name}`` or ``{name: 0}``, or is
    the ``config.json`` of a Hugging Face model with its ``id2label``.

    Raises
    ------
    UserError
        It cannot be read, has another form, or an output has no name or two.
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
        raise UserError(f"--classes {path}: it has no class name; expected one a line, or JSON")
    return names


def names_in(content: Any) -> tuple[str, ...]:
    """Extract the names of outputs from JSON, of a file or of a model's metadata.

    Raises
    ------
    ValueError
        The content has another form.
    """
    if isinstance(content, dict) and isinstance(content.get("id2label"), dict):
        content = content["id2label"]
    elif isinstance(content, dict) and isinstance(content.get("label2id"), dict):
        content = content["label2id"]
    if isinstance(content, list) and all(isinstance(one, str | int) for one in content):
        return tuple(str(one) for one in content)
    if not isinstance(content, dict) or not content:
        raise ValueError("it is no list of names")
    if all(_is_number(key) for key in content) and all(
        isinstance(v, str) for v in content.values()
    ):
        places = {int(key): name for key, name in content.items()}
    elif all(_is_number(value) for value in content.values()):
        places = {int(value): str(name) for name, value in content.items()}
    else:
        raise ValueError("it assigns no class to any output")
    lacking = next((i for i in range(len(places)) if i not in places), None)
    if lacking is not None or len(places) != len(content):
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
    """Find the output of each class of the images.

    Parameters
    ----------
    class_names : sequence of str
        Classes of the images, in the order of their ids.
    n_outputs : int
        Outputs of the model.
    names : sequence of str
        Names of its outputs, if known from ``source``.
    offset : int
        Number of outputs before the first class, such as one for the background.
    subject : str
        Name of the model in messages.

    Raises
    ------
    UserError
        The numbers of classes, names and outputs do not match, or a class of the images has no
        output.
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
    outputs = _matched(class_names, names, source, subject)
    shown = list(names)
    for class_id, place in enumerate(outputs):
        shown[place] = class_names[class_id]
    return LabelSpace(_distinct(shown), tuple(outputs), source)


def _by_place(class_names: Sequence[str], n_outputs: int, offset: int, subject: str) -> LabelSpace:
    n = len(class_names)
    if n_outputs != n + offset:
        after = f" after --label-offset {offset}" if offset else ""
        raise UserError(
            f"{subject} has {n_outputs} outputs, and the images have {n} classes"
            f"{after} ({_some(class_names)}): --classes FILE names the outputs, one a line"
            + _hint(n_outputs - n - offset)
            + "; if those are not its classes, the images are of another dataset or folder"
        )
    before = [f"output {i}" for i in range(offset)]
    return LabelSpace(
        _distinct([*before, *class_names]),
        tuple(range(offset, n_outputs)),
        "the classes of the images, in their order",
    )


def _hint(more: int) -> str:
    return "; --label-offset 1 if the first output is a background class" if more == 1 else ""


def _matched(
    class_names: Sequence[str], names: Sequence[str], source: str, subject: str
) -> list[int]:
    """Return the output of each class; of outputs that share a name, the one no other class has."""
    index = _index(names)
    places = [_places(name, index) for name in class_names]
    if not any(places) and all(name.isdecimal() and int(name) < len(names) for name in class_names):
        places = [[int(name)] for name in class_names]  # folders named by class ids
    lacking = [name for name, options in zip(class_names, places, strict=True) if not options]
    if lacking:
        raise UserError(_unmatched(lacking, names, source, subject))
    taken = {options[0] for options in places if len(options) == 1}
    chosen: list[int] = []
    for class_id, options in enumerate(places):
        free = [place for place in options if place not in taken] or options
        if len(options) == 1:
            free = options
        elif class_id in options and len(class_names) == len(names):
            free = [class_id]
        elif len(free) > 1:
            free = [place for place in free if names[place] == class_names[class_id]] or free
        if len(free) > 1:
            raise UserError(
                f"the class {class_names[class_id]!r} of the images can be the outputs "
                f"{' and '.join(map(str, free[:3]))} of {subject}, to which {source} gives one "
                "name; give --classes FILE with a distinct name for each output"
            )
        chosen.append(free[0])
        taken.add(free[0])
    twice = next((i for i, place in enumerate(chosen) if place in chosen[:i]), None)
    if twice is not None:
        other = class_names[chosen.index(chosen[twice])]
        raise UserError(
            f"the classes {other!r} and {class_names[twice]!r} of the images are both output "
            f"{chosen[twice]}, {names[chosen[twice]]!r}, of {subject}; give --classes FILE with a "
            "distinct name for each output"
        )
    return chosen


def _index(names: Sequence[str]) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Index outputs by whole name, and by each name between commas."""
    whole: dict[str, list[int]] = {}
    parts: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        whole.setdefault(plain(name), []).append(place)
        for part in {plain(part) for part in name.split(",")}:
            parts.setdefault(part, []).append(place)
    return whole, parts


def plain(name: str) -> str:
    """Normalize a class name for comparison: lower case, without spaces, ``_`` and ``-``."""
    return _SPACES.sub("", name).casefold()


def _places(name: str, index: tuple[dict[str, list[int]], dict[str, list[int]]]) -> list[int]:
    """Find possible outputs of a class, by its name, its synonyms and its WordNet id."""
    words = [name]
    synset = _SYNSET.match(name)
    if synset is not None:
        words += [synset[0], *_of_synset(synset[0])]
    else:
        words += [part for part in name.split(",") if part]
        words += [word for one in _synset_of(name) for word in (one, *_of_synset(one))]
    words = [plain(word) for word in words]
    candidates = [places[word] for places in index for word in words if word in places]
    return next((one for one in candidates if len(one) == 1), candidates[0] if candidates else [])


def _of_synset(synset: str) -> list[str]:
    """Return the names of a WordNet id, first all of them as one; empty if unknown."""
    described = _synsets().get(synset)
    return [] if described is None else [described, *described.split(",")]


def _synset_of(name: str) -> list[str]:
    synset = _by_description().get(plain(name))
    return [synset] if synset else []


@cache
def _synsets() -> dict[str, str]:
    """Read the names of WordNet ids from a file of timm, without importing timm."""
    spec = find_spec("timm")
    if spec is None or not spec.submodule_search_locations:
        return {}
    folder = Path(spec.submodule_search_locations[0]) / "data" / "_info"
    try:
        text = (folder / "imagenet_synset_to_lemma.txt").read_text(encoding="utf-8")
    except OSError:
        return {}
    return dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)


@cache
def _by_description() -> dict[str, str]:
    """Index the WordNet ids of ImageNet's 1,000 classes by their unambiguous names."""
    spec = find_spec("timm")
    if spec is None or not spec.submodule_search_locations:
        return {}
    file = Path(spec.submodule_search_locations[0]) / "data" / "_info" / "imagenet_synsets.txt"
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


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Add their position to repeated names."""
    seen: set[str] = set()
    distinct = []
    for place, name in enumerate(names):
        distinct.append(f"{name} ({place})" if name in seen else name)
        seen.add(name)
    return tuple(distinct)
