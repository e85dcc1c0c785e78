"""Class values of all files, ids or names, and what class each of them is."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis import schema
from analysis.errors import UserError
from analysis.importing.columns import Place, encoded, first_places

_MOST = 1_000_000
_WHOLE = re.compile(r"[+-]?\d{1,15}(\.0*)?")
_QUANTITY = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_MISSING = {"nan", "na", "n/a", "null", "none"}
# Brackets around several values, numbers or something quoted; not around a name as in (unknown).
_INSIDE = r"(.*[,;|].*|[\d\s.]*|['\"].*)"
_LIST = re.compile(rf"\[{_INSIDE}\]|\({_INSIDE}\)|\{{{_INSIDE}\}}", re.DOTALL)
Where = Callable[[int], str]


@dataclass(frozen=True)
class Classes:
    """Class names in order of class id, and the class id of each code, (codes,).

    ``unlabelled`` are names, known from these files alone, that are predicted and no image's label.
    """

    names: tuple[str, ...]
    of_code: npt.NDArray[np.int32]
    unlabelled: tuple[str, ...] = ()


class ClassValues:
    """Every different value of the columns that hold classes, by code; where each first stood."""

    def __init__(self) -> None:
        self._codes: dict[int | str, int] = {}
        self._first: list[dict[str, int]] = []

    def encode(self, column: pa.Array, name: str, place: Place, row: int) -> npt.NDArray[np.int32]:
        """Codes of a column's values, (N,); ``row`` is the running number of its first row.

        Raises
        ------
        UserError
            A value is missing, no class, or there are more than a million different ones.
        """
        places, values = encoded(column, name, place)
        codes = np.empty(len(values), np.int32)
        first = first_places(places, len(values)).tolist()
        for i, value in enumerate(values):
            code = self._codes.get(value)
            if code is None:
                code = self._add(value, name, place(first[i]))
            if name not in self._first[code]:
                self._first[code][name] = row + first[i]
            codes[i] = code
        return codes[places]

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

    def resolve(
        self,
        where: Where,
        *,
        known: Sequence[str] | None = None,
        known_from: str = "",
        n_classes: int | None = None,
    ) -> Classes:
        """Decide what class each value is, by the values of all files together.

        With ``known`` class names a value is a name, else an id. Without, values are ids where all
        are whole numbers, names where none is; names are sorted.

        Raises
        ------
        UserError
            A value is no class, or some are ids and some names.
        """
        if known is not None:
            return self._by_names(known, known_from, where)
        numbers = {value: _whole(value) for value in self._codes}
        self._check_classes(numbers, where)
        if all(number is None for number in numbers.values()):
            names = tuple(sorted(map(str, self._codes)))
            if n_classes is not None and len(names) != n_classes:
                raise UserError(
                    f"{len(names)} different class names in a column of text and {n_classes} "
                    "classes elsewhere (--classes, or columns of logits): give class ids, or "
                    "--images whose class names say which is which"
                )
            index = {name: i for i, name in enumerate(names)}
            lookup = self._lookup(lambda value: index[str(value)])
            return Classes(names, lookup, tuple(n for n in names if not self._is_label(n)))
        for value, number in numbers.items():
            if number is None:
                other = next(v for v, n in numbers.items() if n is not None)
                raise UserError(
                    f"{self._place(value, where)} is the name {value!r:.60}, and "
                    f"{self._place(other, where)} the number {other}: expected class ids "
                    "everywhere, or names everywhere, or --images SPEC whose class names say which "
                    "is which"
                )
        return self._by_ids({v: n for v, n in numbers.items() if n is not None}, n_classes, where)

    def _check_classes(self, numbers: dict[int | str, int | None], where: Where) -> None:
        """Refuse quantities, and what stands for a missing value."""
        has_numbers = any(number is not None for number in numbers.values())
        for value, number in numbers.items():
            if number is not None:
                continue
            text = str(value)
            if text.lower() in _MISSING and (has_numbers or not self._is_label(value)):
                no_label = "" if has_numbers else ", which is no image's label"
                raise UserError(
                    f"{self._place(value, where)} is {text!r}{no_label}; expected a class in every "
                    "row"
                )
            if _QUANTITY.fullmatch(text):
                raise UserError(
                    f"{self._place(value, where)} is {text}, which is no class id; Lethe audits "
                    "classifiers, whose predictions are classes, not quantities"
                )

    def _by_ids(
        self, numbers: dict[int | str, int], n_classes: int | None, where: Where
    ) -> Classes:
        labels = [number for value, number in numbers.items() if self._is_label(value)]
        n = n_classes if n_classes is not None else max(labels, default=0) + 1
        for value, number in numbers.items():
            if number < 0:
                raise UserError(f"{self._place(value, where)} is {value}; class ids count from 0")
            if number >= _MOST:
                raise UserError(
                    f"{self._place(value, where)} is {value}; class ids count classes from 0: "
                    f"expected less than {_MOST:,}"
                )
            if number >= n:
                hint = (
                    "say how many classes there are"
                    if n_classes is None
                    else "there are more classes than was said"
                )
                raise UserError(
                    f"{self._place(value, where)} is class {value}, and the classes go from 0 to "
                    f"{n - 1}; {hint} (--classes {number + 1}), or mend the file"
                )
        return Classes(tuple(map(str, range(n))), self._lookup(lambda value: numbers[value]))

    def _by_names(self, known: Sequence[str], known_from: str, where: Where) -> Classes:
        index = {name: i for i, name in enumerate(known)}

        def id_of(value: int | str) -> int:
            if isinstance(value, str) and value in index:
                return index[value]
            number = _whole(value)
            if number is not None and 0 <= number < len(known):
                return number
            some = ", ".join(known[:5]) + (", …" if len(known) > 5 else "")
            raise UserError(
                f"{self._place(value, where)} is {value!r:.60}, which is no class of {known_from}; "
                f"expected a class id from 0 to {len(known) - 1}, or one of {some}"
            )

        return Classes(tuple(known), self._lookup(id_of))

    def _lookup(self, id_of: Callable[[int | str], int]) -> npt.NDArray[np.int32]:
        return np.array([id_of(value) for value in self._codes], np.int32)

    def _is_label(self, value: int | str) -> bool:
        return schema.LABEL in self._first[self._codes[value]]

    def _place(self, value: int | str, where: Where) -> str:
        # A prediction is what is more often wrong.
        first = self._first[self._codes[value]]
        column = next(iter(reversed(first)))
        return f"{where(first[column])}: column '{column}'"


def _whole(value: int | str) -> int | None:
    if isinstance(value, int):
        return value
    return int(value.partition(".")[0]) if _WHOLE.fullmatch(value) else None
