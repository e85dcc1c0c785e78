"""What a budget may hold, and what is refused in a line."""

from pathlib import Path

import pytest

from analysis.budgets import Budget, read_budget
from analysis.budgets.budget import RULES, Limit, Subgroups
from analysis.errors import UserError


def read(tmp_path: Path, text: str) -> Budget:
    path = tmp_path / "budget.toml"
    path.write_text(text, encoding="utf-8")
    return read_budget(path)


def test_a_number_alone_is_the_maximum_at_the_rules_own_judge(tmp_path: Path) -> None:
    rules = [rule for rule in RULES if rule not in ("classes", "subgroup_gap", "not_worse")]
    budget = read(tmp_path, "[default]\n" + "\n".join(f"{rule} = 0.5" for rule in rules))
    assert budget.limits("any") == [Limit(rule, 0.5, RULES[rule].judges[0]) for rule in rules]
    assert not budget.allow_untested


def test_a_variant_has_its_own_limits_and_the_others(tmp_path: Path) -> None:
    budget = read(
        tmp_path,
        """
        allow_untested = true
        [default]
        top1_drop = 0.01
        recall_drop = 0.05
        [default.classes]
        ant = 0.1
        bee = {max = 0.2, judge = "point"}
        [variant."int8-static"]
        top1_drop = {max = 0.002, judge = "assured"}
        recall_drop = false
        classes = {bee = 0.3}
        """,
    )
    ant = Limit("classes", 0.1, "p", "ant")
    assert budget.allow_untested
    assert budget.limits("magnitude-0.90") == [
        Limit("top1_drop", 0.01, "point"), Limit("recall_drop", 0.05, "q"), ant,
        Limit("classes", 0.2, "point", "bee"),
    ]  # fmt: skip
    assert budget.limits("int8-static") == [
        Limit("top1_drop", 0.002, "assured"), ant, Limit("classes", 0.3, "p", "bee"),
    ]  # fmt: skip


def test_subgroups_are_named_with_rate_change_and_positive_class(tmp_path: Path) -> None:
    budget = read(
        tmp_path,
        """
        [[default.subgroup_gap]]
        attribute = "age"
        max = 0.1
        [[default.subgroup_gap]]
        attribute = ["age", "sex"]
        max = 1.5
        rate = "fnr"
        change = "relative"
        positive = "blond"
        min_images = 30
        """,
    )
    assert [(limit.max, limit.subgroups) for limit in budget.limits("any")] == [
        (0.1, Subgroups(("age",))),
        (1.5, Subgroups(("age", "sex"), "fnr", "relative", "blond", 30)),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no rule"),
        ("[default]\n", "has no rule"),
        ("[default]\ntop1_drop = false", "has no rule"),
        ("[default]\ntop_1_drop = 0.1", "unknown key 'top_1_drop'; known: top1_drop, "),
        ("top1_drop = 0.1", "unknown key 'top1_drop'; known: default, variant"),
        ("[default]\ntop1_drop = '1 %'", "default.top1_drop is '1 %'; expected a number"),
        ("[default]\ntop1_drop = true", "expected a number"),
        ("[default]\ntop1_drop = nan", "expected a number"),
        ("[default]\ntop1_drop = 2", "expected a fraction, 0.02 for two percent"),
        ("[default]\npie_share = -0.1", "no negative"),
        ("[default]\nsize_bytes = -1", "no negative"),
        ("[default]\ntop1_drop = {judge = 'point'}", "has no max"),
        ("[default]\ntop1_drop = {max = 0.1, by = 'q'}", "unknown key 'by'"),
        ("[default]\ntop1_drop = {max = 0.1, judge = 'q'}", "expected point or significant or"),
        ("[default]\nclasses = 0.1", "default.classes is 0.1; expected a table"),
        ("[default]\nsubgroup_gap = 0.1", "expected a list of tables"),
        ("[[default.subgroup_gap]]\nmax = 0.1", "expected a name"),
        ("[[default.subgroup_gap]]\nattribute = 'a'\nmax = 0.1\nrate = 'tpr'", "both or fpr or"),
        ("[[default.subgroup_gap]]\nattribute = 'a'\nmax = 0.1\nmin_images = true", "whole number"),
        ("default = 3", "expected a table"),
        ("allow_untested = 1\n[default]\ntop1_drop = 0.1", "expected true or false"),
        ("[default", "cannot be read"),
    ],
)
def test_what_is_not_understood_is_refused_in_a_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert "budget.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.toml: no such file"):
        read_budget(tmp_path / "none.toml")
