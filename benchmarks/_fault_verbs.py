"""The commands under fault injection: the state before each, and what may be seen after it."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import numpy as np
import pandas as pd

from analysis.cli.main import main
from analysis.schema import KEYS
from analysis.store import Cache, SweepFolder, publishing, sealing
from analysis.store.study import Design

N, CLASSES = 24, 4
# Fields that differ from one run of a command to the next.
_PASSING = ("created", "updated", "name")
_SEAL = re.compile(rb'"%b": "[0-9a-f]{64}", ' % sealing.KEY.encode())

Seen = dict[str, str]


@dataclass(frozen=True)
class Verb:
    """A command under test: how to prepare for it, how to run it, and how to see its effect."""

    name: str
    prepare: Callable[[Path], None]
    act: Callable[[Path], int]
    # Exit statuses of the same command when repeated: some refuse to run twice.
    again: tuple[int, ...] = (0,)
    see: Callable[[Path], Seen] | None = None
    # Whether an interrupted command keeps the parts that it finished.
    is_by_parts: bool = False

    def seen(self, root: Path) -> Seen:
        """Return digests of what a reader sees."""
        return (self.see or all_seen)(root)


def table(path: Path, variants: tuple[str, ...], *, random_seed: int = 0, seeds: int = 2) -> Path:
    """Write a CSV of random predictions of some variants."""
    drawn = np.random.default_rng(random_seed)
    label = np.arange(N) % CLASSES
    frames = [
        pd.DataFrame(
            {
                "image_id": np.arange(N), "label": label, "seed": seed, "variant_id": variant,
                "prediction": np.where(drawn.random(N) < 0.7, label, (label + 1) % CLASSES),
            }
        )
        for variant in variants
        for seed in range(seeds)
    ]  # fmt: skip
    pd.concat(frames).to_csv(path, index=False)
    return path


def lethe(root: Path, *words: str) -> int:
    """Run a command of Lethe in this process."""
    return main([*words, "--cache", str(root / "cache")])


def _imported(root: Path, name: str = "mine", variant: str = "magnitude-0.90") -> None:
    file = table(root / "first.csv", ("dense", variant))
    if lethe(root, "import", str(file), "--name", name):
        raise RuntimeError("the initial import failed")


def _overwritten(root: Path) -> None:
    _imported(root)
    table(root / "second.csv", ("dense", "magnitude-0.90"), random_seed=9)


def _joinable(root: Path) -> None:
    _imported(root)
    frame = pd.DataFrame({"image_id": range(N), "weather": ["sun", "rain"] * (N // 2)})
    frame.to_csv(root / "weather.csv", index=False)


def _two(root: Path) -> None:
    _imported(root)
    _imported(root, "other", "magnitude-0.50")


def annotated(root: Path) -> None:
    _imported(root)
    folder = Cache(root / "cache").sweep("mine")
    groups = {"pies": tuple(range(4))}
    known = {group: groups.get(group, ()) for group in _groups()}
    design = Design(
        "magnitude-0.90", "confidence", 2, 2, 4, 0, "x", "2026-01-01", dict.fromkeys(range(4), 0),
        {**known, next(iter(known)): tuple(range(4))},
    )  # fmt: skip
    folder.annotations.start(design)
    folder.annotations.annotate("study-1", "Ann", 0, KEYS[0])


def _groups() -> tuple[str, ...]:
    from analysis.schema import GROUPS

    return tuple(GROUPS)


def _folder(root: Path) -> SweepFolder:
    return Cache(root / "cache").sweep("mine")


def _done(act: Callable[[Path], Any]) -> Callable[[Path], int]:
    """Give an action the exit status and the message that a command would have."""
    from analysis.errors import LetheError

    def acted(root: Path) -> int:
        try:
            act(root)
        except LetheError as error:
            print(f"error: {error}")
            return error.exit_status
        return 0

    return acted


def _report(root: Path, title: str = "Second") -> int:
    """Write a report with stand-ins for rendered figures; faults concern only their files."""
    from analysis.report import pictures

    words = ("--out", str(root / "report"), "--title", title, "--section", "noise")
    files = dict.fromkeys(("png", "svg", "pdf"), b"drawn")
    with (
        patch.object(pictures, "figure_bytes", return_value=b"<svg></svg>"),
        patch.object(pictures, "figure_pictures", return_value=files),
    ):
        return lethe(root, "report", "mine", *words)


def _reported(root: Path) -> None:
    _imported(root)
    if _report(root, "First"):
        raise RuntimeError("the initial report failed")


def report_seen(root: Path) -> Seen:
    """Describe a report: its files, and which build they belong to."""
    out = root / "report"
    if not out.is_dir():
        return {}
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*"))
    page = out / "index.html"
    title = "Second" if page.is_file() and "Second" in page.read_text() else "First"
    inode = {(out / "tables").stat().st_mtime_ns > page.stat().st_mtime_ns}
    return {"title": title, "names": " ".join(names), "page is last": str(inode)}


def all_seen(root: Path) -> Seen:
    """Return digests of every sweep as read from disk, and of annotations and marks."""
    found: Seen = {}
    cache = Cache(root / "cache")
    for name in cache.names():
        folder = cache.sweep(name)
        manifest = folder.manifest()
        fields = msgspec.to_builtins(manifest)
        record = {k: v for k, v in fields.items() if k not in _PASSING}
        found[f"{name}: manifest"] = digest(repr(record).encode())
        for file in sorted(manifest.files):
            content = publishing.reading(folder.path, folder.path / file, lambda p: p.read_bytes())
            state = "" if digest(content) == manifest.files[file].sha256 else " not as listed"
            found[f"{name}: {file}"] = digest(content) + state
        for problem in folder.verify():
            found[f"{name}: {problem}"] = "damage"
    for path in sorted((root / "cache").glob("*/annotations/*.jsonl")):
        complete = path.read_bytes().rpartition(b"\n")[0]  # a truncated last line does not count
        # The time and the seal, which depends on it, are not part of the answer.
        unsealed = (_SEAL.sub(b"", line) for line in complete.split(b"\n"))
        answers = [line.partition(b'"time"')[0] for line in unsealed]
        found[f"kept: {path.name}"] = digest(b"\n".join(dict.fromkeys(filter(None, answers))))
    for path in sorted((root / "cache").glob("*/marks/marks.json")):
        found["kept: marks"] = digest(path.read_bytes())
    return found


def digest(content: bytes) -> str:
    """Return the first 12 digits of a SHA-256."""
    return hashlib.sha256(content).hexdigest()[:12]


def leftovers(root: Path) -> list[str]:
    """Return the temporary files that a successful command should have removed."""
    return sorted(
        os.path.relpath(path, root)
        for path in root.rglob("*")
        if path.name.startswith((".tmp-", ".publishing", ".removed"))
        and "derived" not in path.parts  # may be in use by others; removed with its tables
    )


def copied(source: Path, target: Path) -> None:
    """Copy a prepared folder, symbolic links as such."""
    shutil.copytree(source, target, symlinks=True)


def _nothing(root: Path) -> None:
    table(root / "first.csv", ("dense", "magnitude-0.90"))
    (root / "cache").mkdir()


VERBS = (
    Verb(
        "import", _nothing, lambda r: lethe(r, "import", str(r / "first.csv"), "--name", "mine"),
        again=(0, 2),
    ),
    Verb(
        "overwrite", _overwritten,
        lambda r: lethe(r, "import", str(r / "second.csv"), "--name", "mine", "--overwrite"),
    ),
    Verb("join", _joinable, lambda r: lethe(r, "join", "mine", str(r / "weather.csv")), (0, 2)),
    Verb("merge", _two, lambda r: lethe(r, "merge", "mine", "other", "--name", "both"), (0, 2)),
    Verb("rename", annotated, lambda r: lethe(r, "rename", "mine", "yours"), (0, 2)),
    Verb("remove", annotated, lambda r: lethe(r, "remove", "mine"), (0, 2)),
    Verb("remove all", _imported, lambda r: lethe(r, "remove", "mine"), (0, 2)),
    Verb("report", _reported, _report, see=report_seen),
    Verb(
        "annotate", annotated,
        _done(lambda r: _folder(r).annotations.annotate("study-1", "Ann", 1, KEYS[1])),
    ),
    Verb("tag", annotated, _done(lambda r: _folder(r).marks.tag("odd", [1, 2]))),
)  # fmt: skip
