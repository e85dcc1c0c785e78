"""The snippets of docs/ci.md: the workflow is YAML, its commands parse, the budget is one."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from analysis.budgets import read_budget
from analysis.budgets.budget import RULES
from analysis.cli.main import build_parser

TEXT = (Path(__file__).parents[1] / "docs" / "ci.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def commands(script: str) -> list[list[str]]:
    lines = script.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.startswith("lethe ")]


def workflow_steps() -> list[dict[str, object]]:
    (text,) = blocks("yaml")
    (job,) = yaml.safe_load(text)["jobs"].values()
    return list(job["steps"])


def test_the_workflow_sweeps_checks_and_reports_with_commands_that_parse() -> None:
    found = [c for step in workflow_steps() for c in commands(str(step.get("run", "")))]
    assert [command[1] for command in found] == ["sweep", "check", "report"]
    for command in found:
        kept = command[: command.index(">>")] if ">>" in command else command
        build_parser().parse_args(kept[1:])


def test_the_commands_above_parse_too() -> None:
    found = [command for block in blocks("sh") for command in commands(block)]
    assert len(found) == 2
    for command in found:
        build_parser().parse_args(command[1:])


def test_nothing_swallows_the_exit_status_of_the_check() -> None:
    scripts = [str(step["run"]) for step in workflow_steps() if "lethe check" in str(step)]
    assert len(scripts) == 1
    assert not re.search(r"\||;|continue-on-error", scripts[0])


def test_the_budget_is_read_and_names_every_rule(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    path = tmp_path / "budget.toml"
    path.write_text(text, encoding="utf-8")
    assert {limit.rule for limit in read_budget(path).limits("any")} == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_documented_with_its_judges(rule: str) -> None:
    (row,) = [line for line in TEXT.splitlines() if line.startswith("| `") and f"`{rule}`" in line]
    assert row.rpartition("| `")[2].rstrip("` |").split("`, `") == list(RULES[rule].judges)
