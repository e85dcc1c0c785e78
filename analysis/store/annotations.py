"""``annotations/``: human studies, one append-only file a study, one line an answer.

A line is flushed to disk before it is reported as saved. Readers skip an incomplete line of a
killed process and the next writer ends it. A lock orders the writers of one machine; remote caches
do not allow appending, so their studies are read-only.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import filelock

from analysis.errors import CacheError, LetheError, RunError, UserError
from analysis.filesystem import Location, RemotePath, atomic
from analysis.filesystem.atomic import is_dir
from analysis.store.study import (
    Annotation,
    Consent,
    Design,
    Invitation,
    Record,
    Study,
    Undo,
    Withdrawal,
    comment_text,
    rater_name,
    read_study,
)

FOLDER = "annotations"
LOCK = ".lock"
_NAME = re.compile(r"study-([1-9][0-9]{0,5})\.jsonl")
_PATIENCE = 20.0
_TOKEN_BYTES = 24


class Annotations:
    """The studies of one sweep, in its folder ``annotations/``."""

    def __init__(self, sweep: Location) -> None:
        self._sweep = sweep
        self.path = sweep / FOLDER

    @property
    def why_not_writable(self) -> str | None:
        """Explain why no answers can be added here; None if they can."""
        if isinstance(self.path, RemotePath):
            return (
                "Answers are added to a file line by line, which a cache on another machine does "
                "not allow. Copy the sweep to this machine, annotate there, and copy its folder "
                f"'{FOLDER}' back."
            )
        return None

    def names(self) -> list[str]:
        """Return the names of the studies in the order of their start."""
        found = filter(None, map(_NAME.fullmatch, atomic.child_names(self.path)))
        return [f"study-{number}" for number in sorted(int(one[1]) for one in found)]

    def stamp(self, name: str) -> str:
        """Return a stamp that changes with the study's file, empty without one."""
        return atomic.stamp(self._file(name))

    def read(self, name: str) -> Study:
        """Read a study.

        Raises
        ------
        CacheError
            There is no such study, or its first line is damaged.
        """
        return read_study(name, self._content(name), str(self._file(name)))

    def _content(self, name: str) -> bytes:
        path = self._file(name)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise CacheError(f"{path}: no such study") from None
        except OSError as error:
            raise atomic.unreadable(path, error) from error

    def start(self, design: Design) -> str:
        """Write the design of a new study atomically; return the study's name.

        Raises
        ------
        UserError
            The cache is on another machine.
        RunError
            The disk refused it.
        """
        with self._locked():
            return self._add(design.to_line().encode())

    def annotate(
        self, name: str, rater: str, image_id: int, category: str, comment: str = ""
    ) -> None:
        """Add an answer and flush it to disk.

        Raises
        ------
        UserError
            The study no longer exists, or the cache is on another machine.
        RunError
            The disk refused it.
        """
        annotation = Annotation(rater, image_id, category, _now(), comment_text(comment))
        self._append(name, annotation)

    def consent(self, name: str, rater: str) -> None:
        """Record once that a rater agrees to the consent text.

        Raises
        ------
        UserError, RunError
            As :meth:`annotate`.
        """
        if rater not in self.read(name).consents:
            self._append(name, Consent(rater, _now()))

    def invite(self, name: str, rater: str) -> str:
        """Create a rater's own link unless there is one; return its token.

        Raises
        ------
        UserError
            The name is not valid.
        RunError
            As :meth:`annotate`.
        """
        study = self.read(name)
        rater = rater_name(rater, study.known_raters())
        if rater in study.invitations:
            return study.invitations[rater]
        self._append(name, Invitation(rater, secrets.token_urlsafe(_TOKEN_BYTES), _now()))
        # If two were created at once, the first one counts.
        return self.read(name).invitations[rater]

    def withdraw(self, name: str, rater: str) -> None:
        """Invalidate a rater's link; answers stay, and a new link can be created.

        Raises
        ------
        UserError, RunError
            As :meth:`annotate`.
        """
        token = self.read(name).invitations.get(rater)
        if token is not None:
            self._append(name, Withdrawal(rater, token, _now()))

    def undo(self, name: str, rater: str) -> int | None:
        """Undo a rater's latest answer; return its image, None without answers.

        Practice answers are undone only after all others.

        Raises
        ------
        UserError, RunError
            As :meth:`annotate`.
        """
        study = self.read(name)
        answers = study.answers(rater) or study.practice_of(rater)
        if not answers:
            return None
        image_id = list(answers)[-1]
        self._append(name, Undo(rater, image_id, _now()))
        return image_id

    def adopt(self, other: "Annotations") -> None:
        """Copy the studies of another sweep of the same images.

        Identical studies are copied once.
        """
        own_contents = {self._content(name) for name in self.names()}
        for name in other.names():
            content = other._content(name)
            if content in own_contents:
                continue
            if isinstance(self.path, RemotePath):
                self._add(content)
            else:
                with self._locked():
                    self._add(content)

    def problems(self) -> list[str]:
        """List the problems of the studies, one line each; incomplete lines are none."""
        found = []
        for name in self.names():
            try:
                study = self.read(name)
            except LetheError as error:
                found.append(f"damaged: {FOLDER}/{name}.jsonl ({error})")
                continue
            found += [
                f"damaged: {FOLDER}/{name}.jsonl, line {number} (not an answer to an image of the "
                "study; the other lines count)"
                for number in study.damaged
            ]
        expected = {LOCK, *(f"{name}.jsonl" for name in self.names())}
        others = set(atomic.sizes(self.path)) - expected
        return found + [f"foreign: {FOLDER}/{one} (no study)" for one in sorted(others)]

    # --- files ------------------------------------------------------------------------------
    def _file(self, name: str) -> Location:
        if not _NAME.fullmatch(f"{name}.jsonl"):
            raise CacheError(f"study '{name[:80]}': expected a name such as study-1")
        return self.path / f"{name}.jsonl"

    def _add(self, content: bytes) -> str:
        """Write a new study under the next free name; never overwrite one."""
        last = self.names()[-1:] or ["study-0"]
        number = int(last[0].removeprefix("study-"))
        while True:
            number += 1
            try:
                atomic.create(self._file(f"study-{number}"), content)
            except FileExistsError:
                continue
            return f"study-{number}"

    def remove_if_empty(self) -> None:
        """Remove the folder if it holds only Lethe's lock."""
        if isinstance(self.path, RemotePath) or not is_dir(self.path):
            return
        with self._locked():
            if set(atomic.child_names(self.path)) - {LOCK}:
                return
            (self.path / LOCK).unlink(missing_ok=True)
            self.path.rmdir()

    def _append(self, name: str, record: Record) -> None:
        path = self._file(name)
        with self._locked():
            assert isinstance(path, Path)
            try:
                _add_line(path, record.to_line().encode())
            except FileNotFoundError:
                raise UserError(
                    f"{path} no longer exists: the sweep was renamed or removed while it was "
                    "annotated. Open it again."
                ) from None
            except OSError as error:
                raise RunError(
                    f"the answer could not be saved: {path}: {error.strerror or error}"
                ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        why_not = self.why_not_writable
        if why_not is not None or isinstance(self.path, RemotePath):
            raise UserError(why_not or "")
        try:
            if not is_dir(self._sweep):
                raise UserError(f"{self._sweep} no longer exists; open the sweep again")
            self.path.mkdir(exist_ok=True)
            lock = filelock.FileLock(self.path / LOCK, timeout=_PATIENCE)
            lock.acquire()
        except filelock.Timeout:
            raise RunError(f"{self.path} is being written by another process; try again") from None
        except OSError as error:
            raise RunError(f"{self.path} cannot be written: {error.strerror or error}") from error
        try:
            atomic.remove_temporary(self.path)
            yield
        finally:
            lock.release()


def _add_line(path: Path, line: bytes) -> None:
    """Append a line to an existing file and flush it to disk."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0))
    try:
        is_cut_off = False
        if os.fstat(descriptor).st_size:
            os.lseek(descriptor, -1, os.SEEK_END)
            is_cut_off = os.read(descriptor, 1) != b"\n"
        rest = memoryview(b"\n" + line if is_cut_off else line)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
