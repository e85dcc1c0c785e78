"""Write docs/cli.md from the parsers of ``lethe`` and of the dashboard.

Run from the project's folder: ``python -m docs.make_cli``. A test fails where the file is out of
date. Usage lines are built here, since argparse formats them differently from one Python to the
next.
"""

import argparse
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TARGET = HERE / "cli.md"
COMMAND = "python -m docs.make_cli"
START = f"""\
<!-- Written by `{COMMAND}` from the parser; do not edit by hand. -->
# Command line

`pip install .` puts `lethe` on the path. In a clone, `python -m analysis VERB …` is the same as
`lethe VERB …`, and `python -m dashboard …` the same as `lethe dashboard …`.

Exit status: 0 done; 1 `verify` found damage or `check` a breach; 2 the input cannot be used; 3 a
run or the machine failed. `lethe VERB --help` prints the same, `lethe --version` the version.

`sweep` reads its options from a file too; those of the command line take precedence:

```toml
# lethe sweep --config sweep.toml
dataset = "folder:pictures"
model = "resnet18"
image-size = 64
variants = ["magnitude=0.5,0.9", "int8-static"]
seeds = 10
epochs = 20
```
"""
COMMON = """\
## Options of every verb

These go after any verb but `dashboard`, which has its own `--cache`.
"""
_DEFAULT = re.compile(r"\s*\(default: ((?:[^()]|\([^()]*\))*)\)$")
_PAGE = re.compile(r"\bdocs/([a-z_]+\.md)")
_HIDDEN = ("help", "cache", "verbose")


def build() -> str:
    """Return the text of docs/cli.md."""
    # The default of --cache would otherwise be that of whoever runs this.
    kept = os.environ.pop("LETHE_CACHE", None)
    try:
        return _text(verbs(), dashboard_parser())
    finally:
        if kept is not None:
            os.environ["LETHE_CACHE"] = kept


def verbs() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each verb of ``lethe``, without the dashboard."""
    return dict(_subparsers().choices)


def dashboard_parser() -> argparse.ArgumentParser:
    """Return the parser of ``lethe dashboard``."""
    from dashboard.__main__ import _parser

    return _parser()


def _subparsers() -> Any:
    from analysis.cli.main import build_parser

    actions = build_parser()._actions
    return next(one for one in actions if isinstance(one, argparse._SubParsersAction))


def _text(parsers: dict[str, argparse.ArgumentParser], dashboard: argparse.ArgumentParser) -> str:
    about = {one.dest: str(one.help or "") for one in _subparsers()._choices_actions}
    about["dashboard"] = "open the dashboard in the browser"
    parsers.pop("dashboard", None)
    lines = [START, "| verb | what it does |", "| --- | --- |"]
    lines += [f"| [`{verb}`](#{verb}) | {_escaped(about[verb])} |" for verb in [*parsers]]
    lines += [f"| [`dashboard`](#dashboard) | {about['dashboard']} |", "", COMMON]
    common = [one for one in next(iter(parsers.values()))._actions if one.dest in _HIDDEN[1:]]
    lines += _table(common)
    for verb, parser in parsers.items():
        lines += _section(verb, parser, about[verb], hidden=_HIDDEN)
    lines += _section("dashboard", dashboard, about["dashboard"], hidden=_HIDDEN[:1])
    return "\n".join(lines).rstrip() + "\n"


def _section(
    verb: str, parser: argparse.ArgumentParser, about: str, *, hidden: tuple[str, ...]
) -> Iterator[str]:
    text = (parser.description or about).rstrip(".")
    yield from (f"## {verb}", "", f"{_escaped(text[0].upper() + text[1:])}.", "")
    yield from ("```text", _usage(verb, parser, hidden), "```", "")
    for group in parser._action_groups:
        actions = [one for one in group._group_actions if one.dest not in hidden]
        # Arguments such as SWEEP say what they are by their name.
        actions = [one for one in actions if one.option_strings or one.help]
        if not actions:
            continue
        if group.title and group.title not in ("positional arguments", "options"):
            more = f": {_escaped(group.description)}" if group.description else ""
            yield from (f"**{group.title[0].upper()}{group.title[1:]}**{more}", "")
        yield from _table(actions)
    if parser.epilog:
        yield from (f"{_escaped(parser.epilog[0].upper() + parser.epilog[1:])}.", "")


def _usage(verb: str, parser: argparse.ArgumentParser, hidden: tuple[str, ...]) -> str:
    actions = [one for one in parser._actions if one.dest not in hidden]
    named = [one for one in actions if one.option_strings]
    parts = ["lethe", verb]
    for one in actions:
        if not one.option_strings:
            value = _value(one)
            parts.append(f"[{value}]" if one.nargs in ("?", "*") else value)
    parts += [_option(one) for one in named if one.required]
    if any(not one.required for one in named):
        parts.append("[OPTION …]")
    return " ".join(parts)


def _table(actions: list[argparse.Action]) -> Iterator[str]:
    is_positional = not actions[0].option_strings
    yield from (f"| {'argument' if is_positional else 'option'} | what it does | default |",)
    yield "| --- | --- | --- |"
    for action in actions:
        text = _expanded(action)
        found = _DEFAULT.search(text)
        default = found.group(1) if found else _default(action)
        text = _DEFAULT.sub("", text, count=1) if found else text
        name = _escaped_code(_option(action) if action.option_strings else _value(action))
        yield f"| `{name}` | {_escaped(text.rstrip('.'))} | {_escaped(default)} |"
    yield ""


def _option(action: argparse.Action) -> str:
    value = _value(action) if action.nargs != 0 else ""
    return f"{', '.join(action.option_strings)} {value}".rstrip()


def _value(action: argparse.Action) -> str:
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    value = action.metavar
    if value is None:
        choices = "|".join(str(one) for one in action.choices or ())
        value = choices or action.dest.upper().replace("_", "-")
    return f"{value} …" if action.nargs in ("+", "*") else value


def _default(action: argparse.Action) -> str:
    if action.required and action.option_strings:
        return "required"
    value = action.default
    if value is None or value is argparse.SUPPRESS or isinstance(value, bool) or value == []:
        return ""
    return str(value)


def _expanded(action: argparse.Action) -> str:
    return str(action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")


def _escaped(text: str) -> str:
    text = re.sub(r"(?<!\\)([|<*])", r"\\\1", text).replace("__", r"\_\_")
    return _PAGE.sub(_link, text)


def _link(found: re.Match[str]) -> str:
    name = found.group(1)
    return f"[{name}]({name})" if (HERE / name).is_file() else found.group()


def _escaped_code(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    TARGET.write_text(build(), encoding="utf-8")
    print(f"docs/{TARGET.name}: {len(TARGET.read_text(encoding='utf-8').splitlines())} lines")
