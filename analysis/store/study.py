"""A human study: its design, and the records in the lines of its file."""

import hmac
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from analysis.errors import CacheError, UserError
from analysis.schema import GROUPS
from analysis.store.protocol import Protocol, protocol_of
from analysis.store.sealing import sealed, unsealed

# Readers ignore unknown keys: new ones need no new version.
VERSION = 1
MAX_NAME = 60
MAX_COMMENT = 1_000
# Errors of a damaged line: no JSON, too deep, or invalid values.
_UNREADABLE = (
    ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError, UserError,
)  # fmt: skip
_DESIGN = "design"


@dataclass(frozen=True)
class Design:
    """The drawn images and their populations, fixed when the study starts.

    ``labels`` maps each image id to its true class, ``groups`` each group to its image ids (an
    image may be in two), ``available`` each group to the number of images to draw from.
    ``n_dense_runs`` and ``n_variant_runs`` are those of the populations at that time, ``size`` the
    requested images per group, ``seed`` that of the drawing and of every rater's order, ``created``
    the time in UTC, ``protocol`` what raters read and choose from.
    """

    variant_id: str
    ties: str
    n_dense_runs: int
    n_variant_runs: int
    size: int
    seed: int
    dataset_fingerprint: str
    created: str
    labels: Mapping[int, int]
    groups: Mapping[str, tuple[int, ...]]
    available: Mapping[str, int] = field(default_factory=dict)
    n_unmatched: int = 0
    protocol: Protocol = field(default_factory=Protocol)

    def to_line(self) -> str:
        """Write the first line of the study's file."""
        values = {name: value for name, value in vars(self).items() if name != "protocol"}
        values["labels"] = [list(pair) for pair in sorted(self.labels.items())]
        return _line({"kind": _DESIGN, "version": VERSION} | values | self.protocol.to_fields())

    def groups_of(self, image_id: int) -> list[str]:
        """Return the groups that an image was drawn for."""
        return [group for group in GROUPS if image_id in self.groups.get(group, ())]


@dataclass(frozen=True)
class _Record:
    """One line of a study after its first."""

    kind: ClassVar[str]

    def to_line(self) -> str:
        """Write one line; leave out an empty comment."""
        values = {name: value for name, value in vars(self).items() if name != "comment" or value}
        return _line({"kind": self.kind} | values)


@dataclass(frozen=True)
class Annotation(_Record):
    """One answer: ``category`` is a category's key, ``time`` in UTC, ``comment`` free text."""

    kind = "annotation"
    rater: str
    image_id: int
    category: str
    time: str
    comment: str = ""


@dataclass(frozen=True)
class Undo(_Record):
    """One undone answer."""

    kind = "undo"
    rater: str
    image_id: int
    time: str


@dataclass(frozen=True)
class Consent(_Record):
    """A rater's consent to the study's text, at ``time`` in UTC."""

    kind = "consent"
    rater: str
    time: str


@dataclass(frozen=True)
class Invitation(_Record):
    """The link of one rater: requests with its ``token`` rate under this name."""

    kind = "invitation"
    rater: str
    token: str
    time: str


@dataclass(frozen=True)
class Withdrawal(_Record):
    """An invalidated link; its answers stay."""

    kind = "withdrawal"
    rater: str
    token: str
    time: str


Record = Annotation | Undo | Consent | Invitation | Withdrawal
_KINDS: Mapping[str, type[Record]] = {
    one.kind: one for one in (Annotation, Undo, Consent, Invitation, Withdrawal)
}
_KEYS = frozenset(
    {"kind", "version"}.union(
        *({one.name for one in fields(kind)} for kind in (Design, Protocol, *_KINDS.values()))
    )
)


@dataclass(frozen=True)
class Study:
    """A study read from its file.

    ``by_rater`` holds the valid answers by rater and image, in order: a rater's last answer to an
    image counts, undone ones do not. ``practice_by_rater`` holds those to practice images, which do
    not count. ``consents`` has the time of each rater's consent, ``invitations`` the token of each
    rater's valid link. ``unreadable`` numbers the lines that are not complete records, ``damaged``
    those of them that are not explained by an interrupted write.
    """

    name: str
    design: Design
    by_rater: Mapping[str, Mapping[int, Annotation]]
    practice_by_rater: Mapping[str, Mapping[int, Annotation]] = field(default_factory=dict)
    consents: Mapping[str, str] = field(default_factory=dict)
    invitations: Mapping[str, str] = field(default_factory=dict)
    unreadable: tuple[int, ...] = ()
    damaged: tuple[int, ...] = ()

    @property
    def raters(self) -> list[str]:
        """Raters with a valid answer, in the order of their first line."""
        return [rater for rater, answers in self.by_rater.items() if answers]

    @property
    def images(self) -> list[int]:
        """Ids of all images, ascending."""
        return sorted(self.design.labels)

    def answers(self, rater: str) -> Mapping[int, Annotation]:
        """Return the valid answers of one rater by image, the latest last."""
        return self.by_rater.get(rater, {})

    def known_raters(self) -> list[str]:
        """Return all raters with an answer, a consent or a link."""
        return list(
            {**self.by_rater, **self.practice_by_rater, **self.consents, **self.invitations}
        )

    def practice_of(self, rater: str) -> Mapping[int, Annotation]:
        """Return the practice answers of one rater by image, the latest last."""
        return self.practice_by_rater.get(rater, {})

    def invited(self, token: str) -> str | None:
        """Return the rater whose link has this token; None if there is none."""
        for rater, its_token in self.invitations.items():
            if hmac.compare_digest(its_token.encode(), token.encode()):
                return rater
        return None

    def is_finished_by(self, rater: str) -> bool:
        """Return whether a rater has answered every image."""
        return len(self.answers(rater)) >= len(self.design.labels)


def read_study(name: str, content: bytes, place: str) -> Study:
    """Parse the content of a study's file.

    An interrupted write leaves an incomplete line: it was never confirmed and is skipped, at the
    end of the file and before later lines alike.

    Raises
    ------
    CacheError
        The first line is not a design.
    """
    first, _, rest = content.partition(b"\n")
    design = _design(first, place)
    by_rater: dict[str, dict[int, Annotation]] = {}
    practice: dict[str, dict[int, Annotation]] = {}
    consents: dict[str, str] = {}
    invitations: dict[str, str] = {}
    unreadable, damaged = [], []
    lines = rest.split(b"\n")
    for number, line in enumerate(lines, start=2):
        is_open = number == len(lines) + 1  # no end of line: not confirmed
        record = None if is_open else _parse_record(line, design)
        if isinstance(record, Consent):
            consents.setdefault(record.rater, record.time)
        elif isinstance(record, Invitation):
            invitations.setdefault(record.rater, record.token)
        elif isinstance(record, Withdrawal):
            if invitations.get(record.rater) == record.token:
                del invitations[record.rater]
        elif record is not None:
            target = by_rater if record.image_id in design.labels else practice
            answers = target.setdefault(record.rater, {})
            answers.pop(record.image_id, None)
            if isinstance(record, Annotation):
                answers[record.image_id] = record
        elif line:
            unreadable.append(number)
            if line.endswith(b"}") and not is_open:
                damaged.append(number)
    return Study(
        name, design, by_rater, practice, consents, invitations, tuple(unreadable), tuple(damaged)
    )


def rater_name(typed: str, known: Iterable[str] = ()) -> str:
    """Normalize a rater's name; another spelling of a known name is that name.

    Raises
    ------
    UserError
        The name is empty, too long, or has invisible characters.
    """
    name = " ".join(unicodedata.normalize("NFC", typed).split())
    if not 1 <= len(name) <= MAX_NAME:
        raise UserError(f"a rater's name: expected 1 to {MAX_NAME} characters, got {len(name)}")
    if not name.isprintable():
        raise UserError("a rater's name: expected visible characters")
    return next((one for one in known if one.casefold() == name.casefold()), name)


def comment_text(text: str) -> str:
    """Normalize a comment to one line of visible characters."""
    seen = "".join(one if one.isprintable() else " " for one in unicodedata.normalize("NFC", text))
    return " ".join(seen.split())[:MAX_COMMENT]


def _design(line: bytes, place: str) -> Design:
    try:
        values = _unsealed(line)
        if values.pop("kind") != _DESIGN or values.pop("version") != VERSION:
            raise ValueError("another kind or version of line")
        labels = {int(image): int(label) for image, label in values.pop("labels")}
        groups = {str(g): tuple(int(i) for i in ids) for g, ids in values.pop("groups").items()}
        if not groups.keys() <= set(GROUPS) or set().union(*groups.values()) != labels.keys():
            raise ValueError("groups and labels are not of the same images")
        protocol = protocol_of(values)
        if protocol.practice.keys() & labels.keys():
            raise ValueError("a practice image is also one of the study")
        return Design(**_known(Design, values), labels=labels, groups=groups, protocol=protocol)
    except _UNREADABLE as error:
        raise CacheError(
            f"{place}: its first line does not list the drawn images ({error}); the study "
            "cannot be read"
        ) from error


def _parse_record(line: bytes, design: Design) -> Record | None:
    try:
        values = _unsealed(line)
        kind = _KINDS[values.pop("kind")]
        record = kind(**_known(kind, values))
    except _UNREADABLE:
        return None
    texts = [value for name, value in vars(record).items() if name != "image_id"]
    if not all(isinstance(text, str) for text in texts):
        return None
    if isinstance(record, Consent | Invitation | Withdrawal):
        return record
    is_drawn = isinstance(record.image_id, int) and (
        record.image_id in design.labels or record.image_id in design.protocol.practice
    )
    if not is_drawn:
        return None
    is_known = not isinstance(record, Annotation) or record.category in design.protocol.keys
    return record if is_known else None


def _unsealed(line: bytes) -> dict[str, Any]:
    return unsealed(json.loads(line), _KEYS)


def _known(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a record has fields for; later versions may have more."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in values.items() if name in names}


def _line(values: Mapping[str, object]) -> str:
    return json.dumps(sealed({**values}), ensure_ascii=False) + "\n"
