"""Resolve the class values of all files, ids or names, to classes.

Classes are the outputs of the model; true labels are matched to them.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis import schema
from analysis.errors import UserError
from analysis.importing.columns import Locate, encoded, first_rows
from analysis.outputs.label_space import LabelSpace, label_space
from analysis.outputs.label_space import plain as plain_name

_MOST = 1_000_000
_WHOLE = re.compile(r"[+-]?\d{1,15}(\.0*)?")
_QUANTITY = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_MISSING = {"nan", "na", "n/a", "null", "none"}
# Brackets around several values, numbers or quotes; not around a name such as (unknown).
_INSIDE = r"(.*[,;|].*|[\d\s.]*|['\"].*)"
_LIST = re.compile(rf"\[{_INSIDE}\]|\({_INSIDE}\)|\{{{_INSIDE}\}}", re.DOTALL)
Where = Callable[[int], str]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Outputs:
    """What files and options say of the models' outputs.

    Parameters
    ----------
    n : int, optional
        Their number.
    names : tuple of str
        Their names in order, from ``source``.
    offset : int
        Number of outputs before the first class.
    subject : str
        Their owner in messages.
    """

    n: int | None = None
    names: tuple[str, ...] = ()
    source: str = ""
    offset: int = 0
    subject: str = "the model"
    has_scores: bool = False


@dataclass(frozen=True)
class KnownClasses:
    """Class names of a dataset or of the sweep to extend."""

    names: tuple[str, ...]
    source: str
    is_sweep: bool = False


@dataclass(frozen=True)
class Classes:
    """Class names in order of class id, and the class of every value.

    ``of_label`` and ``of_prediction`` map codes to class ids, their last entry code -1 of no value;
    ``of_known`` maps classes known before, ``of_output`` outputs, None if these are the classes in
    order. ``unlabelled`` are predicted names from these files that are no image's label;
    ``respelled`` are predicted names matched to differently spelled labels.
    """

    names: tuple[str, ...]
    of_label: IntArray
    of_prediction: IntArray
    of_known: IntArray | None = None
    of_output: IntArray | None = None
    unlabelled: tuple[str, ...] = ()
    respelled: tuple[tuple[str, str], ...] = ()

    def columns(self, names: Sequence[str], source: str) -> IntArray | None:
        """Return the score column of each class; None if they are in order.

        Raises
        ------
        UserError
            A column is not a class.
        """
        of_output = self.of_output
        if names:
            index = _index(self.names)
            found = [index.get(name, index.get(plain_name(name), -1)) for name in names]
            if -1 in found or len(set(found)) < len(found):
                unknown = names[found.index(-1)] if -1 in found else names[0]
                raise UserError(
                    f"{source} has scores of {unknown!r:.60}, which is not a class; expected "
                    f"{len(self.names)} classes, such as {', '.join(self.names[:3])}"
                )
            of_output = np.array(found, np.int32)
        if of_output is None or np.array_equal(of_output, np.arange(len(of_output))):
            return None
        return np.argsort(of_output).astype(np.int32)


class ClassValues:
    """The distinct values of class columns by code, and their first row."""

    def __init__(self) -> None:
        self._codes: dict[int | str, int] = {}
        self._first: list[dict[str, int]] = []

    def encode(
        self, column: pa.Array, name: str, locate: Locate, row: int, *, is_optional: bool = False
    ) -> IntArray:
        """Return the codes of a column's values, (N,); ``row`` is the number of its first row.

        A missing value of an optional column is -1.

        Raises
        ------
        UserError
            A value is missing or not a class, or there are more than a million.
        """
        indices, values = encoded(column, name, locate, is_optional=is_optional)
        codes = np.full(len(values) + 1, -1, np.int32)
        first = first_rows(indices, len(values)).tolist()
        for i, value in enumerate(values):
            code = self._codes.get(value)
            if code is None:
                code = self._add(value, name, locate(first[i]))
            if name not in self._first[code]:
                self._first[code][name] = row + first[i]
            codes[i] = code
        return codes[indices]

    def _add(self, value: int | str, name: str, where: str) -> int:
        if isinstance(value, str) and _LIST.fullmatch(value):
            raise UserError(
                f"{where}: column '{name}' is {value!r:.60}, several values an image; Lethe "
                "audits single-label classifiers: expected one class id or name a row"
            )
        code = self._codes[value] = len(self._codes)
        self._first.append({})
        if code >= _MOST:
            raise UserError(
                f"{where}: column '{name}' holds more than {_MOST:,} different values; expected "
                "classes"
            )
        return code

    def resolve(self, where: Where, outputs: Outputs, known: KnownClasses | None = None) -> Classes:
        """Assign a class to each value, from the values of all files together.

        With known class names or named outputs, a value is a name, else an id: of the known classes
        for labels, of the outputs for predictions. Otherwise values are ids if all are whole
        numbers, sorted names if none is.

        Raises
        ------
        UserError
            A value is not a class, ids and names are mixed, or the outputs of classes are unknown.
        """
        if known is None and not outputs.names:
            return self._from_values(where, outputs)
        named = frozenset(outputs.names)
        texts = [v for v in self._codes if self._is_label(v) and _is_name(v, named)]
        n, of_output = outputs.n, None
        if known is None:
            n = n or len(outputs.names)
            space = self._space([f"{text}" for text in texts], n, outputs)
            of_label = dict(zip(texts, space.of_class, strict=True))
            return self._by_names(where, space.names, of_label, None, None, outputs)
        if known.is_sweep:
            n = n or len(outputs.names) or len(known.names)
            space = self._space(known.names, n, replace(outputs, offset=0))
            if outputs.names:
                of_output = np.argsort(np.array(space.of_class, np.int32)).astype(np.int32)
            return self._by_names(where, known.names, {}, known, of_output, outputs)
        n = n or len(outputs.names) or len(known.names) + outputs.offset
        space = self._space(known.names, n, outputs)
        of_known = np.array(space.of_class, np.int32)
        return self._by_names(where, space.names, {}, known, None, outputs, of_known)

    def _space(self, class_names: Sequence[str], n: int, outputs: Outputs) -> LabelSpace:
        return label_space(
            class_names, n, names=outputs.names, source=outputs.source, offset=outputs.offset,
            subject=outputs.subject,
        )  # fmt: skip

    def _from_values(self, where: Where, outputs: Outputs) -> Classes:
        """Derive the classes from the values alone."""
        numbers = {v: _whole(v) for v in self._codes if not self._is_no_answer(v)}
        self._check_classes(numbers, where)
        if numbers and all(number is None for number in numbers.values()):
            if outputs.has_scores:
                value = next(iter(numbers))
                raise UserError(
                    f"{self._place(value, where)} is the name {value!r:.60}, but the classes of "
                    f"the {outputs.n} columns of {outputs.subject} are unknown: "
                    "--classes FILE names them in their order, one a line"
                )
            return self._sorted(list(map(str, numbers)), outputs.n)
        for value, number in numbers.items():
            if number is None:
                other = next(v for v, n in numbers.items() if n is not None)
                raise UserError(
                    f"{self._place(value, where)} is the name {value!r:.60}, and "
                    f"{self._place(other, where)} the number {other}: expected class ids "
                    "everywhere, or names everywhere, or --images SPEC or --classes FILE whose "
                    "class names say which is which"
                )
        return self._by_ids({v: n for v, n in numbers.items() if n is not None}, outputs, where)

    def _sorted(self, values: list[str], n_classes: int | None) -> Classes:
        """Return classes sorted by name; predicted names may be spelled differently from labels."""
        labels = [value for value in values if self._is_label(value)]
        index = _index(labels)
        respelled = {
            value: labels[index[plain_name(value)]]
            for value in values
            if not self._is_label(value) and plain_name(value) in index
        }
        names = tuple(sorted({*values} - respelled.keys()))
        if n_classes is not None and len(names) != n_classes:
            raise UserError(
                f"{len(names)} different class names in a column of text and {n_classes} "
                "classes elsewhere (--classes): give a --classes file that names them all, or "
                "--images whose class names say which is which"
            )
        code = {name: i for i, name in enumerate(names)}
        code |= {value: code[label] for value, label in respelled.items()}
        of_code = self._lookup(lambda value: code.get(str(value), schema.NO_ANSWER))
        unlabelled = tuple(name for name in names if not self._is_label(name))
        return Classes(
            names, of_code, of_code, unlabelled=unlabelled, respelled=tuple(respelled.items())
        )

    def _check_classes(self, numbers: dict[int | str, int | None], where: Where) -> None:
        """Refuse quantities and placeholders of missing labels."""
        has_numbers = any(number is not None for number in numbers.values())
        for value, number in numbers.items():
            if number is not None:
                continue
            text = str(value)
            if text.lower() in _MISSING and has_numbers:
                raise UserError(
                    f"{self._place(value, where)} is {text!r}; expected a class in every row"
                )
            self._check_quantity(text, value, where)

    def _check_quantity(self, text: str, value: int | str, where: Where) -> None:
        if _QUANTITY.fullmatch(text):
            raise UserError(
                f"{self._place(value, where)} is {text}, which is not a class id; Lethe audits "
                "classifiers, whose predictions are classes, not quantities"
            )

    def _by_ids(self, numbers: dict[int | str, int], outputs: Outputs, where: Where) -> Classes:
        offset = outputs.offset
        labels = [number for value, number in numbers.items() if self._is_label(value)]
        n = outputs.n if outputs.n is not None else max(labels, default=0) + 1 + offset
        for value, number in numbers.items():
            if number < 0:
                raise UserError(f"{self._place(value, where)} is {value}; class ids count from 0")
            if number >= _MOST:
                raise UserError(
                    f"{self._place(value, where)} is {value}; class ids count classes from 0: "
                    f"expected less than {_MOST:,}"
                )
            if number >= n or (self._is_label(value) and number >= n - offset):
                if outputs.has_scores:
                    hint = "there are more classes than columns of scores"
                elif outputs.n is None:
                    hint = f"say how many classes there are (--classes {number + 1})"
                else:
                    hint = f"there are more classes than --classes (--classes {number + 1})"
                raise UserError(
                    f"{self._place(value, where)} is class {value}, and the classes go from 0 to "
                    f"{n - 1 - offset * self._is_label(value)}; {hint}, or mend the file"
                )
        names = (*(f"output {i}" for i in range(offset)), *map(str, range(n - offset)))
        missing = schema.NO_ANSWER
        of_prediction = self._lookup(lambda value: numbers.get(value, missing))
        if not offset:
            return Classes(names, of_prediction, of_prediction)
        of_label = self._lookup(lambda value: numbers.get(value, missing - offset) + offset)
        return Classes(names, of_label, of_prediction)

    def _by_names(
        self,
        where: Where,
        names: Sequence[str],
        of_text: dict[int | str, int],
        known: KnownClasses | None,
        of_output: IntArray | None,
        outputs: Outputs,
        of_known: IntArray | None = None,
    ) -> Classes:
        """Return classes by name, else by id; ``of_text`` holds labels matched already."""
        index = _index(names)
        output_index = _index(outputs.names if of_known is not None else ())
        source = outputs.source if known is None else known.source
        shift = np.arange(outputs.offset * (of_known is None), len(names), dtype=np.int32)
        ids = [_whole(v) for v in self._codes if self._is_label(v) and _is_id(v, index)]
        highest = max((number for number in ids if number is not None), default=0)
        if of_known is not None and highest < len(of_known):
            shift = of_known  # higher ids are of the model's classes, which are more

        def by_name(value: int | str) -> int | None:
            if not isinstance(value, str):
                return None
            close = plain_name(value)
            found = (
                index.get(value),
                index.get(close),
                output_index.get(value),
                output_index.get(close),
            )
            return next((one for one in found if one is not None), None)

        def by_id(value: int | str, column: str, classes: IntArray) -> int:
            number = _whole(value)
            if number is not None and 0 <= number < len(classes):
                return int(classes[number])
            where_it_is = f"{where(self._first[self._codes[value]][column])}: column '{column}'"
            more = "" if outputs.names else "; --classes FILE names all classes of the model"
            raise UserError(
                f"{where_it_is} is {value!r:.60}, which is not a class of {source}; "
                f"expected a class id from 0 to {len(classes) - 1}, or one of {_some(names)}{more}"
            )

        def label(value: int | str) -> int:
            if not self._is_label(value):
                return schema.NO_ANSWER
            found = of_text.get(value, by_name(value))
            return by_id(value, schema.LABEL, shift) if found is None else found

        def prediction(value: int | str) -> int:
            if schema.PREDICTION not in self._first[self._codes[value]]:
                return schema.NO_ANSWER
            found = by_name(value)
            if found is None and self._is_no_answer(value):
                return schema.NO_ANSWER
            found = of_text.get(value) if found is None else found
            return by_id(value, schema.PREDICTION, classes) if found is None else found

        classes = np.arange(len(names), dtype=np.int32) if of_output is None else of_output
        of_label, of_prediction = self._lookup(label), self._lookup(prediction)
        return Classes(tuple(names), of_label, of_prediction, of_known, of_output)

    def _lookup(self, id_of: Callable[[int | str], int]) -> IntArray:
        return np.array([*(id_of(value) for value in self._codes), schema.NO_ANSWER], np.int32)

    def _is_label(self, value: int | str) -> bool:
        return value in self._codes and schema.LABEL in self._first[self._codes[value]]

    def _is_no_answer(self, value: int | str) -> bool:
        """Return whether a value is a prediction that means no answer."""
        if self._is_label(value):
            return False
        return _whole(value) == schema.NO_ANSWER or str(value).lower() in _MISSING

    def _place(self, value: int | str, where: Where) -> str:
        # Name the prediction's row: predictions are more often wrong.
        first = self._first[self._codes[value]]
        column = next(iter(reversed(first)))
        return f"{where(first[column])}: column '{column}'"


def _index(names: Sequence[str]) -> dict[str, int]:
    """Index names, and their normalized forms where these are unique."""
    exact = {name: code for code, name in enumerate(names)}
    close: dict[str, int] = {}
    twice = set()
    for code, name in enumerate(names):
        written = plain_name(name)
        if written in close:
            twice.add(written)
        close[written] = code
    return {name: code for name, code in close.items() if name and name not in twice} | exact


def _is_name(value: int | str, names: Collection[str]) -> bool:
    return isinstance(value, str) and (value in names or _whole(value) is None)


def _is_id(value: int | str, index: dict[str, int]) -> bool:
    return not (isinstance(value, str) and value in index) and _whole(value) is not None


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _whole(value: int | str) -> int | None:
    if isinstance(value, int):
        return value
    return int(value.partition(".")[0]) if _WHOLE.fullmatch(value) else None
