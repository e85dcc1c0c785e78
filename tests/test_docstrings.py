"""Public functions of statistics, figures and the public face say what they take."""

import ast
import inspect
from pathlib import Path

import pytest

import lethe

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "analysis/stats").glob("*.py"), *(ROOT / "analysis/figures").glob("*.py")])


def _public(body: list[ast.stmt]) -> list[ast.FunctionDef]:
    found = []
    for one in body:
        if isinstance(one, ast.ClassDef) and not one.name.startswith("_"):
            found += _public(one.body)
        if isinstance(one, ast.FunctionDef) and not one.name.startswith("_"):
            found.append(one)
    return found


def _parameters(function: ast.FunctionDef) -> list[str]:
    given = function.args
    names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return [name for name in names if name not in ("self", "cls")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_parameter_is_described(path: Path) -> None:
    for function in _public(ast.parse(path.read_text()).body):
        text = ast.get_docstring(function) or ""
        for name in _parameters(function):
            described = any(
                name in line.partition(" : ")[0].split(", ")
                for line in text.splitlines()
                if " : " in line or name == line.strip()
            )
            assert described, f"{path.name}: {function.name} does not describe {name}"


@pytest.mark.parametrize("name", [one for one in lethe.__all__ if not one.startswith("_")])
def test_every_name_of_the_public_face_is_described(name: str) -> None:
    found = getattr(lethe, name)
    text = inspect.getdoc(found) or ""
    assert text
    given = inspect.signature(found).parameters if inspect.isfunction(found) else {}
    assert not given or "Parameters\n" in text, name
