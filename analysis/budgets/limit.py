"""One limit of a budget: which number, how large at most, and how it is judged."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Judge: TypeAlias = Literal["point", "significant", "assured", "p", "q", "seeds"]
"""Which number is held against the maximum.

``point``: the estimate; ``significant``: the lower end of its 95 % interval; ``assured``: the
upper; ``p``, ``q``: the estimate of a class where p or q <= 0.05; ``seeds``: the estimate where the
permutation test over runs has p <= 0.05.
"""
_INTERVAL: tuple[Judge, ...] = ("point", "significant", "assured")
_CLASS: tuple[Judge, ...] = (*_INTERVAL, "p", "q")


@dataclass(frozen=True)
class Rule:
    """A kind of limit: how it can be judged, the default first, and in what it is measured.

    ``unit`` is ``points`` (a difference of fractions), ``share`` (a fraction) or ``bytes``.
    """

    judges: tuple[Judge, ...]
    unit: Literal["points", "share", "bytes"]


RULES = {
    "top1_drop": Rule(_INTERVAL, "points"),
    "top5_drop": Rule(_INTERVAL, "points"),
    "ece_increase": Rule(_INTERVAL, "points"),
    "recall_drop": Rule(("q", "p", *_INTERVAL), "points"),
    "classes": Rule(("p", "q", *_INTERVAL), "points"),
    "pie_excess": Rule((*_INTERVAL, "seeds"), "points"),
    "pie_share": Rule(("point",), "share"),
    "subgroup_gap": Rule(("point",), "points"),
    "robustness_drop": Rule(("q", "p", *_INTERVAL), "points"),
    "size_bytes": Rule(("point",), "bytes"),
}


@dataclass(frozen=True)
class Subgroups:
    """Which rise of which rate over which subgroups; ``change`` relative is a fraction of dense."""

    by: tuple[str, ...]
    rate: Literal["both", "fpr", "fnr"] = "both"
    change: Literal["absolute", "relative"] = "absolute"
    positive: str | None = None
    min_images: int = 1


@dataclass(frozen=True)
class Limit:
    """The largest value that is within the budget; fractions 0..1, or bytes."""

    rule: str
    max: float
    judge: Judge
    class_name: str | None = None
    subgroups: Subgroups | None = None
