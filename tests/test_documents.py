"""What the documents say is there: commands, options, files, links, Python names."""

import argparse
import contextlib
import importlib
import io
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from analysis.cli.sweep import read_config, sweep_from
from docs import make_cli

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "cache/*.md")
    for path in ROOT.glob(pattern)
)
# The changelog names what is gone.
OF_TODAY = [page for page in PAGES if page != "CHANGELOG.md"]
LINES_OF_README = 150
# Options of other programs, and of Lethe's own scripts, that the documents name outside a command.
FOREIGN = {
    "--nthreads",
    "--nworkers",
    "--resources",
    "--no-dashboard",
    "--port",
    "--help",
    "--version",
}
SCRIPTS = ("docs/walk.py", "docs/pictures.py", "docs/predict_onnx.py", "benchmarks")


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[str]:
    """Fenced blocks that can hold commands: of a shell, of YAML, or without a language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE)
    return [body for language, body in found if language in ("sh", "bat", "yaml", "")]


def commands(page: str) -> list[list[str]]:
    """Each command of Lethe or make in a page, as words: `lethe VERB …` or `make TARGET`."""
    lines = [
        line.strip().removeprefix("- run:").strip()
        for block in blocks(page)
        for line in block.replace("\\\n", " ").splitlines()
    ]
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text(page), flags=re.S | re.M))
    found = []
    for line in [*lines, *inline]:
        words = as_lethe(line)
        if words:
            found.append(words)
    return found


def as_lethe(line: str) -> list[str]:
    """The words of a command of Lethe or make; none for any other line."""
    line = re.sub(r"^(\.venv[/\\](bin|Scripts)[/\\])", "", line)
    line = re.sub(r"^(python -m analysis|lethe)(?=\s)", "lethe", line)
    line = re.sub(r"^(python -m dashboard|lethe dashboard)\b", "lethe dashboard", line)
    if not re.match(r"(lethe|make) [a-zA-Z]", line):
        return []
    words = shlex.split(line.replace("${{ ", "").replace(" }}", ""), comments=True)
    ends = [words.index(sign) for sign in (">", ">>", "|", "&&") if sign in words]
    return words[: min(ends, default=len(words))]


@cache
def parsers() -> dict[str, argparse.ArgumentParser]:
    return make_cli.verbs() | {"dashboard": make_cli.dashboard_parser()}


def parser_of(verb: str) -> argparse.ArgumentParser:
    assert verb in parsers(), f"there is no verb '{verb}'"
    return parsers()[verb]


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    return {name for action in parser._actions for name in action.option_strings}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_documents_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    for program, verb, *words in commands(page):
        if program == "make":
            assert verb in targets, f"{page}: make {verb}"
        elif verb != "VERB":
            unknown = {w.partition("=")[0] for w in words if w.startswith("--")}
            unknown -= options_of(parser_of(verb))
            assert not unknown, f"{page}: lethe {verb} has no {', '.join(sorted(unknown))}"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_a_block_parses(page: str) -> None:
    for block in blocks(page):
        for line in block.replace("\\\n", " ").splitlines():
            words = as_lethe(line.strip())
            if not words or words[0] != "lethe" or {"VERB", "…"} & {words[1], words[-1]}:
                continue
            said = io.StringIO()
            try:
                with contextlib.redirect_stderr(said):
                    parser_of(words[1]).parse_args(words[2:])
            except SystemExit:
                pytest.fail(f"{page}: {shlex.join(words)}: {said.getvalue()}")


@pytest.mark.parametrize("page", [page for page in PAGES if page != "docs/cli.md"])
def test_every_option_that_is_named_exists(page: str) -> None:
    known = set(FOREIGN)
    for verb in parsers():
        known |= options_of(parser_of(verb))
    for script in SCRIPTS:
        path = ROOT / script
        for file in path.rglob("*.py") if path.is_dir() else [path] * path.is_file():
            known |= set(re.findall(r'"(--[a-z0-9-]+)"', file.read_text(encoding="utf-8")))
    for span in re.findall(r"`([^`\n]+)`", text(page)):
        if re.match(r"(python -m (pip|pytest|dask)|pip|git) ", span):
            continue
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", span))
        assert named <= known, f"{page}: {span}"


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    assert make_cli.TARGET.read_text(encoding="utf-8") == make_cli.build(), (
        f"docs/cli.md is out of date: `{make_cli.COMMAND}` writes it"
    )


def test_every_verb_and_option_stands_on_the_page_of_the_command_line() -> None:
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text("docs/cli.md"), re.S | re.M))
    common = text("docs/cli.md").partition("## Options of every verb")[2].partition("\n## ")[0]
    for verb in parsers():
        assert verb in sections, verb
        for option in options_of(parser_of(verb)) - {"-h", "--help"}:
            assert f"{option}" in sections[verb] + common, f"{verb} {option}"


def test_the_file_of_options_on_the_page_of_the_command_line_is_one(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", text("docs/cli.md"), re.DOTALL)
    (tmp_path / "sweep.toml").write_text(block, encoding="utf-8")
    words = ["--config", str(tmp_path / "sweep.toml"), "--epochs", "1"]
    sweep = sweep_from(read_config(vars(parser_of("sweep").parse_args(words))))
    assert [one.variant_id for one in sweep.variants][-1] == "int8-static"
    assert (sweep.model, sweep.image_size, sweep.training.epochs) == ("resnet18", 64, 1)


def test_the_layers_of_the_architecture_are_those_that_are_checked() -> None:
    contracts = tomllib.loads(text("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["name"].startswith("One way"))
    said = re.findall(r"^  \| \d+ \| (.*) \|$", text("docs/architecture.md"), re.MULTILINE)
    assert said == [
        ", ".join(f"`{name.strip().removeprefix('analysis.')}`" for name in layer.split("|"))
        for layer in layers
    ]


def test_the_readme_is_short() -> None:
    assert len(text("README.md").splitlines()) <= LINES_OF_README


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title.lower().replace("`", "")) for title in titles)
    return {title.replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_and_picture_of_the_documents_exists(page: str) -> None:
    prose = re.sub(r"^```.*?^```", "", text(page), flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r'(?:src|href)="([^"]+)"', prose)
    for link in links:
        if re.match(r"https?://|mailto:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), f"{page}: {link}"
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{page}: {link}"


def names(page: str) -> Iterator[str]:
    """Dotted names of Lethe's own packages: imported in a block, or named in the prose."""
    whole = text(page)
    for module, imported in re.findall(
        r"^\s*from ((?:analysis|dashboard|benchmarks|lethe)[\w.]*) import ([\w, ]+)", whole, re.M
    ):
        yield from (f"{module}.{name.strip()}" for name in imported.split(",") if name.strip())
    spans = re.findall(r"`([^`\n]+)`", whole)
    pattern = r"(?<![\w./-])(?:analysis|dashboard|benchmarks)(?:\.\w+)+(?!\w*/)"
    for span in spans:
        yield from re.findall(pattern, span)
    yield from re.findall(r"python -m ((?:benchmarks|analysis|docs)\.\w+)", whole)


def exists(name: str) -> bool:
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part, None)
        return found is not None
    return False


@pytest.mark.parametrize("page", OF_TODAY)
def test_every_python_name_of_the_documents_exists(page: str) -> None:
    for name in names(page):
        assert exists(name), f"{page}: {name}"


@pytest.mark.parametrize("page", OF_TODAY)
def test_every_path_of_the_project_that_is_named_exists(page: str) -> None:
    pattern = r"(?:analysis|dashboard|benchmarks|docs|tests)/[\w./-]*"
    for span in re.findall(r"`([^`\n]+)`", text(page)):
        for name in re.findall(rf"(?<![\w./-]){pattern}", span):
            assert (ROOT / name).exists(), f"{page}: {name}"
