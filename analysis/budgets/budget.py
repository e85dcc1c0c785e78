"""Budgets in TOML: limits, each with a maximum and a rule for comparing it.

Unknown keys and values are refused, so that no typo passes.
"""

import sys
from collections.abc import Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeAlias, get_args, get_type_hints

from analysis.errors import UserError
from analysis.filesystem.regular import read_toml

Judge: TypeAlias = Literal["point", "significant", "assured", "p", "q", "seeds", "bound"]
"""The number that is compared with the maximum.

``point``: the estimate; ``significant``: the lower end of its 95 % interval; ``assured``: the
upper; ``p``, ``q``: the estimate of a class where p or q <= 0.05; ``seeds``: the estimate where the
permutation test over runs has p <= 0.05; ``bound``: a one-sided 95 % upper bound. For the
largest of many classes, ``significant``, ``p`` and ``q`` are corrected for their number.
"""
_INTERVAL: tuple[Judge, ...] = ("point", "significant", "assured")
_CLASS: tuple[Judge, ...] = (*_INTERVAL, "p", "q")


@dataclass(frozen=True)
class Rule:
    """A kind of limit: ways to judge it, the default first, and its unit.

    ``unit`` is ``points`` (a difference of fractions), ``share`` (a fraction) or ``bytes``.
    """

    judges: tuple[Judge, ...]
    unit: Literal["points", "share", "bytes"]


NOT_WORSE = "not_worse"
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
    NOT_WORSE: Rule(("bound",), "points"),
}


@dataclass(frozen=True)
class Subgroups:
    """A rise of a rate over subgroups; relative ``change`` is a fraction of dense."""

    by: tuple[str, ...]
    rate: Literal["both", "fpr", "fnr"] = "both"
    change: Literal["absolute", "relative"] = "absolute"
    positive: str | None = None
    min_images: int = 1


@dataclass(frozen=True)
class Limit:
    """The largest value within the budget; fractions 0..1, or bytes.

    ``is_named`` for ``not_worse``: each class is shown safe by itself, not only all jointly.
    """

    rule: str
    max: float
    judge: Judge
    class_name: str | None = None
    subgroups: Subgroups | None = None
    is_named: bool = False


_LARGEST = sys.float_info.max
_TABLES = ("default", "variant", "allow_untested", NOT_WORSE)
_SUBGROUP_KEYS = ("attribute", "max", "judge", "rate", "change", "positive", "min_images")
_Parsed = dict[tuple[str, str | None], list[Limit]]


@dataclass(frozen=True)
class Budget:
    """Default limits, and those of single variants that replace them.

    ``allow_untested``: whether a limit that cannot be tested passes.
    """

    default: _Parsed
    variants: dict[str, _Parsed]
    allow_untested: bool = False

    def limits(self, variant_id: str) -> list[Limit]:
        """Return the limits of one variant: the defaults, unless replaced by its own."""
        merged = self.default | self.variants.get(variant_id, {})
        return [limit for limits in merged.values() for limit in limits]


def read_budget(path: str | Path) -> Budget:
    """Read a budget.

    Raises
    ------
    UserError
        The file cannot be read, has no rule, or has an unknown key or value.
    """
    path = Path(path)
    raw = read_toml("--budget", path)
    reader = _Reader(path)
    reader.know(raw, _TABLES, "the file")
    variants = reader.table(raw.get("variant", {}), "variant")
    default = reader.table(raw.get("default", {}), "default")
    if NOT_WORSE in raw:
        if NOT_WORSE in default:
            reader.refuse(f"both [{NOT_WORSE}] and default.{NOT_WORSE} are given; expected one")
        default[NOT_WORSE] = raw[NOT_WORSE]
    budget = Budget(
        reader.rules(default, "default"),
        {name: reader.rules(table, f'variant."{name}"') for name, table in variants.items()},
        reader.typed(raw.get("allow_untested", False), bool, "allow_untested"),
    )
    if not any(any(parsed.values()) for parsed in (budget.default, *budget.variants.values())):
        reader.refuse(
            f'it has no rule; expected in [default] or [variant."ID"]: {", ".join(RULES)}'
        )
    return budget


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path

    def refuse(self, why: str) -> NoReturn:
        raise UserError(f"--budget {self._path}: {why}")

    def know(self, table: dict[str, Any], keys: Collection[str], where: str) -> None:
        for key in table:
            if key not in keys:
                self.refuse(f"{where} has an unknown key '{key}'; known: {', '.join(keys)}")

    def table(self, value: Any, where: str) -> dict[str, Any]:
        return dict(self.typed(value, dict, where))

    def typed(self, value: Any, kind: type, where: str) -> Any:
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            names = {bool: "true or false", dict: "a table", str: "a text", int: "a whole number",
                     list: "a list of tables"}  # fmt: skip
            self.refuse(f"{where} is {value!r}; expected {names[kind]}")
        return value

    def rules(self, value: Any, where: str) -> _Parsed:
        table = self.table(value, where)
        self.know(table, tuple(RULES), f"[{where}]")
        parsed: _Parsed = {}
        for rule, entry in table.items():
            at = f"{where}.{rule}"
            if rule == "classes" and entry is not False:
                for name, limit in self.table(entry, at).items():
                    parsed[rule, name] = self.limit(rule, limit, f'{at}."{name}"', name)
            elif rule == NOT_WORSE and entry is not False:
                parsed[rule, None] = [self.not_worse(entry, rule if where == "default" else at)]
            elif rule == "subgroup_gap" and entry is not False:
                tables = [entry] if isinstance(entry, dict) else self.typed(entry, list, at)
                parsed[rule, None] = [self.subgroup_gap(one, at) for one in tables]
            else:
                parsed[rule, None] = self.limit(rule, entry, at)
        return parsed

    def limit(
        self, rule: str, entry: Any, where: str, class_name: str | None = None
    ) -> list[Limit]:
        if entry is False:  # switched off
            return []
        table = entry if isinstance(entry, dict) else {"max": entry}
        self.know(table, ("max", "judge"), where)
        maximum, judge = self.maximum(rule, table, where), self.judge(rule, table, where)
        return [Limit(rule, maximum, judge, class_name)]

    def maximum(self, rule: str, table: dict[str, Any], where: str) -> float:
        if "max" not in table:
            self.refuse(f"{where} has no max")
        value, unit = table["max"], RULES[rule].unit
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        # Compared before conversion: a whole number of hundreds of digits is no float.
        if not is_number or not -_LARGEST <= value <= _LARGEST:
            self.refuse(f"{where} is {value!r:.80}; expected a number")
        if unit != "bytes" and abs(value) > 1 and table.get("change") != "relative":
            self.refuse(f"{where} is {value}; expected a fraction, 0.02 for two percent")
        if unit != "points" and value < 0:
            self.refuse(f"{where} is {value}; expected no negative number")
        return float(value)

    def judge(self, rule: str, table: dict[str, Any], where: str) -> Any:
        judges = RULES[rule].judges
        return self.chosen(table.get("judge", judges[0]), judges, f"{where}.judge")

    def chosen(self, value: Any, choices: Collection[str], where: str) -> Any:
        if value not in choices:
            self.refuse(f"{where} is {value!r}; expected {' or '.join(choices)}")
        return value

    def not_worse(self, value: Any, where: str) -> Limit:
        table = self.table(value, where)
        self.know(table, ("max_loss", "classes"), f"[{where}]")
        if "max_loss" not in table:
            self.refuse(f"[{where}] has no max_loss; expected a fraction, 0.02 for two points")
        largest = self.maximum(NOT_WORSE, {"max": table["max_loss"]}, f"{where}.max_loss")
        classes = self.chosen(table.get("classes", "all"), ("all", "named"), f"{where}.classes")
        return Limit(NOT_WORSE, largest, "bound", is_named=classes == "named")

    def subgroup_gap(self, value: Any, where: str) -> Limit:
        table = self.table(value, where)
        self.know(table, _SUBGROUP_KEYS, where)
        by = table.get("attribute", [])
        names = [by] if isinstance(by, str) else by
        if not names or not all(isinstance(name, str) for name in names):
            self.refuse(f"{where}.attribute is {by!r}; expected a name, or several for their cells")
        hints = get_type_hints(Subgroups)
        options: dict[str, Any] = {}
        for field in fields(Subgroups):
            if field.name in table and field.name in ("rate", "change"):
                choices = get_args(hints[field.name])
                options[field.name] = self.chosen(
                    table[field.name], choices, f"{where}.{field.name}"
                )
        for name, kind in (("positive", str), ("min_images", int)):
            if name in table:
                options[name] = self.typed(table[name], kind, f"{where}.{name}")
        return Limit(
            "subgroup_gap",
            self.maximum("subgroup_gap", table, where),
            self.judge("subgroup_gap", table, where),
            subgroups=Subgroups(tuple(names), **options),
        )
