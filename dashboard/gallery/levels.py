"""Variants by method and sparsity: what an address calls them, and the steps of the slider."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.config import format_level

_LEVEL = re.compile(r"(?:[0-9]{1,4}(?:\.[0-9]{0,17})?|\.[0-9]{1,17})", re.ASCII)


@dataclass(frozen=True)
class Rung:
    """One variant of a method.

    Parameters
    ----------
    variant_id : str
        Its readable key.
    level : float, optional
        Its target sparsity; None where it has none.
    is_named : bool
        Whether method and level name it alone. Of several variants of one method and level the
        first is, and one without a level only where its method has no other variant.
    """

    variant_id: str
    level: float | None
    is_named: bool = True

    @property
    def label(self) -> str:
        """What the slider calls it: its level, or its key where that does not name it."""
        if self.level is None or not self.is_named:
            return self.variant_id
        return format_level(self.level)


Methods = Mapping[str, Sequence[Rung]]


def methods(variants: Iterable[tuple[str, str, float | None]]) -> dict[str, tuple[Rung, ...]]:
    """Group variants by method, those of a method by rising level.

    Parameters
    ----------
    variants
        Key, method and target sparsity of each.

    Returns
    -------
    dict
        Methods in the order of their first variants.
    """
    grouped: dict[str, list[tuple[str, float | None]]] = {}
    for variant_id, method, level in variants:
        grouped.setdefault(method, []).append((variant_id, level))
    return {method: _rungs(members) for method, members in grouped.items()}


def _rungs(members: list[tuple[str, float | None]]) -> tuple[Rung, ...]:
    # Sorting is stable: of equal levels the first in the manifest stays the first.
    ordered = sorted(members, key=lambda one: -1.0 if one[1] is None else one[1])
    made: list[Rung] = []
    for variant_id, level in ordered:
        named = len(members) == 1 if level is None else all(one.level != level for one in made)
        made.append(Rung(variant_id, level, named))
    return tuple(made)


def place_of(known: Methods, variant_id: str) -> tuple[str, int]:
    """Return the method of a variant, and its place among the variants of the method.

    Raises
    ------
    KeyError
        No method has the variant.
    """
    for method, rungs in known.items():
        for place, rung in enumerate(rungs):
            if rung.variant_id == variant_id:
                return method, place
    raise KeyError(variant_id)


def most_compressed(rungs: Sequence[Rung]) -> Rung:
    """Return the variant shown where a method is named without a level."""
    return rungs[-1]


def nearest(rungs: Sequence[Rung], level: float | None) -> Rung:
    """Return the variant whose level is nearest, the most compressed one without a level."""
    with_level = [rung for rung in rungs if rung.level is not None]
    if level is None or not with_level:
        return most_compressed(rungs)
    return min(with_level, key=lambda rung: abs((rung.level or 0.0) - level))


def at_level(rungs: Sequence[Rung], text: str) -> Rung | None:
    """Return the variant of a level as an address writes it: ``0.9`` is ``0.90``."""
    if not _LEVEL.fullmatch(text):
        return None
    level = float(text)
    return next(
        (
            rung
            for rung in rungs
            if rung.is_named
            and rung.level is not None
            and math.isclose(rung.level, level, rel_tol=0, abs_tol=1e-9)
        ),
        None,
    )


def naming(known: Methods, variant_id: str) -> dict[str, str | float | None]:
    """Return the fields of a selection that name a variant by method and sparsity.

    A variant that they do not name alone is named by its key: both are None then.
    """
    method, place = place_of(known, variant_id)
    rung = known[method][place]
    if not rung.is_named:
        return {"variant": variant_id, "method": None, "sparsity": None}
    return {"variant": variant_id, "method": method, "sparsity": rung.level}
