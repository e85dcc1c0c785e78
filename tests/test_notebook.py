"""The notebook of the documents runs as it stands, from its first cell to its last."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from analysis.notebook import result

NOTEBOOK = Path(__file__).parents[1] / "docs" / "audit.ipynb"


def cells() -> list[str]:
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return ["".join(one["source"]) for one in content["cells"] if one["cell_type"] == "code"]


def run(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; return the value of its last line, as a notebook shows it."""
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    return (
        None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    )


def test_every_cell_of_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    last = None
    try:
        for source in cells():
            last = run(source, names)
    finally:
        result.stop()
    assert "http://127.0.0.1:" in last._repr_html_()
    summary = names["found"].summary().set_index("variant_id")
    assert summary.top1_mean["dense"] > 0.85
    assert summary.n_forgotten["int3"] > 0
    assert (tmp_path / "cache" / "models" / "manifest.json").is_file()


def test_the_notebook_holds_no_outputs() -> None:
    content = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    for one in content["cells"]:
        assert not one.get("outputs")
        assert one.get("execution_count") is None
