"""Damaged files of a cache or a user, and what readers make of them."""

import contextlib
import copy
import io
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from analysis.cli.main import main
from analysis.cli.sweep import read_config
from analysis.store import Cache, sealing
from benchmarks._fault_verbs import annotated, lethe
from benchmarks._mutations import mutated

Reply = tuple[int, str]  # exit status and output
_DEEP = 5_000
_ODD: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, 2**63, 1.5, 1e308, "", "x", "../x", "\ud800", "9" * 400, [], {},
    [[]], [None], {"a": 1}, {"": None},
)  # fmt: skip
_RAW = ("Infinity", "NaN", "-Infinity", "1e999", "[" * _DEEP, '{"a":' * _DEEP, "nul", "0x1")
BUDGET = """\
[default]
top1_drop = 0.5
classes = false
[variant."magnitude-0.90"]
pie_share = 1.0
"""
CONFIG = """\
dataset = "digits"
variants = ["magnitude=0.5", "int8-static"]
seeds = 2
epochs = 1
paired = true
methods = []
"""


def json_mutants(text: str, generator: random.Random, n: int) -> Iterator[str]:
    """Damage JSON: replace or delete values, insert numbers out of range, mutate bytes."""
    sealed = json.loads(text)
    # Without its seal, damage reaches the code that reads the content.
    bare = {key: value for key, value in sealed.items() if key != sealing.KEY}
    for _ in range(n):
        document = generator.choice((sealed, bare))
        places = list(_places(document))
        choice = generator.randrange(10)
        if choice < 6:
            yield _with(document, generator.choice(places), generator.choice(_ODD))
        elif choice < 8:
            placeholder = "a unique placeholder"
            raw = _with(document, generator.choice(places), placeholder)
            yield raw.replace(json.dumps(placeholder), generator.choice(_RAW))
        elif choice == 8:
            changed = copy.deepcopy(document)
            *path, last = generator.choice(places)
            inside = changed
            for key in path:
                inside = inside[key]
            del inside[last]
            yield json.dumps(changed)
        else:
            yield mutated(json.dumps(document).encode(), generator).decode("latin-1")


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inside:
        yield (*at, key)
        if isinstance(one, dict | list):
            yield from _places(one, (*at, key))


def _with(whole: Any, place: tuple[Any, ...], odd: Any) -> str:
    changed = copy.deepcopy(whole)
    inside = changed
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = odd
    return json.dumps(changed)


def run_captured(act: Callable[[], int]) -> Reply:
    """Run an action in this process; return its exit status and output."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            status = act()
        except SystemExit as error:
            status = int(error.code or 0)
        except BaseException as error:
            return 99, f"Traceback: {error!r}"
    return status, output.getvalue()


def is_fault(reply: Reply) -> bool:
    """Return whether a reply shows a fault of Lethe itself."""
    return reply[0] == 99 or "Traceback" in reply[1] or "fault of Lethe itself" in reply[1]


class Damaged:
    """A cache of a healthy sweep and one whose files are damaged in turn."""

    def __init__(self, root: Path) -> None:
        self.root = root
        annotated(root)
        folder = Cache(root / "cache").sweep("mine")
        folder.marks.tag("odd", [1, 2])
        folder.marks.save_view("v", {"kind": ["x"]})
        shutil.copytree(root / "cache/mine", root / "cache/healthy")
        (root / "budget.toml").write_text(BUDGET)
        self.sweep = Path(str(folder.path))

    @contextlib.contextmanager
    def with_content(self, path: Path, content: str | bytes) -> Iterator[None]:
        """Replace a file's content within the context."""
        before = path.read_bytes()
        as_bytes = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        path.write_bytes(as_bytes)
        try:
            yield
        finally:
            path.write_bytes(before)

    def words(self, *words: str) -> Reply:
        """Run a command on the cache."""
        return run_captured(lambda: lethe(self.root, *words))


READING: tuple[tuple[str, ...], ...] = (
    ("show", "mine"),
    ("show", "mine", "--results"),
    ("verify", "mine"),
    ("export", "mine", "runs"),
    ("export", "mine", "classes"),
    ("export", "mine", "images"),
    ("check", "mine", "--budget", "BUDGET"),
)


def manifest_faults(damaged: Damaged, n: int, generator: random.Random) -> Iterator[str]:
    """Run readers on damaged manifests; yield what went wrong."""
    path = damaged.sweep / "manifest.json"
    for text in json_mutants(path.read_text(), generator, n):
        with damaged.with_content(path, text):
            is_damaged = _is_damaged(damaged)
            listed = damaged.words("list")
            if listed[0] != 0 or "healthy: 4 of 4" not in listed[1] or is_fault(listed):
                yield f"list: {listed} of {text[:200]}"
            yield from _pages_wrong(damaged, text)
            for words in READING:
                budget = str(damaged.root / "budget.toml")
                reply = damaged.words(*(budget if one == "BUDGET" else one for one in words))
                if is_fault(reply) or (is_damaged and reply[0] != 3):
                    yield f"{' '.join(words)}: {reply[0]} {reply[1][-400:]} of {_around(text)}"


def _around(text: str) -> str:
    return text if len(text) < 300 else f"{text[:100]}…"


def _is_damaged(damaged: Damaged) -> bool:
    from analysis.errors import DamageError

    try:
        Cache(damaged.root / "cache").sweep("mine").manifest()
    except DamageError:
        return True
    except Exception:
        return False
    return False


def _pages_wrong(damaged: Damaged, text: str) -> Iterator[str]:
    """Yield what goes wrong in the states of all sweeps, which every page reads first."""
    import os

    from dashboard import data

    os.environ["LETHE_CACHE"] = str(damaged.root / "cache")
    try:
        states = {one.name: one for one in data.sweep_states()}
    except Exception as error:
        yield f"pages: {error!r} of {text[:200]}"
        return
    if states["healthy"].problem is not None or "mine" not in states:
        yield f"pages: {states} of {text[:200]}"


def other_faults(damaged: Damaged, n: int, generator: random.Random) -> Iterator[str]:
    """Run the readers of marks, studies, tables, budgets and settings on damaged files."""
    folder = Cache(damaged.root / "cache").sweep("mine")
    cache = ("--cache", str(damaged.root / "cache"))
    budget = damaged.root / "budget.toml"
    study = damaged.sweep / "annotations/study-1.jsonl"
    config = damaged.root / "config.toml"
    config.write_text(CONFIG)

    def read_marks() -> int:
        return _read(folder.marks.read)

    def read_study() -> int:
        return _read(lambda: folder.annotations.read("study-1")) + _read(
            folder.annotations.problems
        )

    def check() -> int:
        return main(["check", "mine", "--budget", str(budget), *cache])

    def settings() -> int:
        return _read(lambda: read_config({"config": str(config)}))

    def images() -> int:
        return main(["export", "mine", "images", *cache])

    first, _, rest = study.read_text().partition("\n")
    readers: tuple[tuple[str, Path, Callable[[], int], Iterator[str | bytes]], ...] = (
        ("marks", damaged.sweep / "marks/marks.json", read_marks,
         json_mutants((damaged.sweep / "marks/marks.json").read_text(), generator, n)),
        ("study", study, read_study,
         (f"{one}\n{rest}" for one in json_mutants(first, generator, n))),
        ("answer", study, read_study,
         (f"{first}\n{one}\n" for one in json_mutants(rest.strip(), generator, n))),
        ("budget", budget, check, _toml_mutants(BUDGET, generator, n)),
        ("settings", config, settings, _toml_mutants(CONFIG, generator, n)),
        ("predictions", damaged.sweep / "predictions/dense/seed-0.parquet", images,
         _bytes_mutants(damaged.sweep / "predictions/dense/seed-0.parquet", generator, n)),
        ("images", damaged.sweep / "images.parquet", images,
         _bytes_mutants(damaged.sweep / "images.parquet", generator, n)),
    )  # fmt: skip
    for name, path, act, contents in readers:
        for content in contents:
            with damaged.with_content(path, content):
                reply = run_captured(act)
                if is_fault(reply):
                    yield f"{name}: {reply[1][-500:]} of {str(content)[:160]!r}"


def _read(read: Callable[[], object]) -> int:
    from analysis.errors import LetheError

    with contextlib.suppress(LetheError):
        read()
    return 0


def _bytes_mutants(path: Path, generator: random.Random, n: int) -> Iterator[bytes]:
    content = path.read_bytes()
    for _ in range(n):
        yield mutated(content, generator)


_TOML = (
    "inf", "-inf", "nan", "1e999", "9" * 400, "true", '"x"', "[]", "{}", "[" * _DEEP,
    "{a=" * _DEEP, "1979-05-27", "-1", "[1, [2]]", '"\\ud800"',
)  # fmt: skip


def _toml_mutants(text: str, generator: random.Random, n: int) -> Iterator[str | bytes]:
    lines = text.splitlines()
    for _ in range(n):
        if generator.random() < 0.3:
            yield mutated(text.encode(), generator)
            continue
        number = generator.choice([i for i, line in enumerate(lines) if "=" in line])
        key = lines[number].partition("=")[0]
        yield "\n".join(
            f"{key}= {generator.choice(_TOML)}" if i == number else line
            for i, line in enumerate(lines)
        )
