"""One study of people: the images drawn for it, and what its lines say, read one by one."""

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

# Keys that a reader does not know are passed over: what a study may say besides needs no version.
VERSION = 1
MAX_NAME = 60
MAX_COMMENT = 1_000
# What damage of a line comes to: no JSON, too deep, or values that are none of a study.
_UNREADABLE = (
    ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError, UserError,
)  # fmt: skip
_DESIGN = "design"


@dataclass(frozen=True)
class Design:
    """What was drawn, and from what: fixed when the study starts.

    ``labels`` maps each image id to its true class, ``groups`` each group to its image ids (an
    image may be in two), ``available`` the groups to how many images there were to draw from.
    ``protocol`` is what raters read and are asked.
    ``n_dense_runs`` and ``n_variant_runs`` are those of the populations at that time, ``size`` is
    what was asked a group, ``seed`` that of the drawing and of every rater's order, ``created`` the
    time in UTC.
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
        """Write it as the first line of its file."""
        said = {name: value for name, value in vars(self).items() if name != "protocol"}
        said["labels"] = [list(pair) for pair in sorted(self.labels.items())]
        return _line({"kind": _DESIGN, "version": VERSION} | said | self.protocol.to_fields())

    def groups_of(self, image_id: int) -> list[str]:
        """Name the groups that an image was drawn for."""
        return [group for group in GROUPS if image_id in self.groups.get(group, ())]


@dataclass(frozen=True)
class _Record:
    """One line of a study after its first."""

    kind: ClassVar[str]

    def to_line(self) -> str:
        """Write it as one line; an empty comment is left out."""
        said = {name: value for name, value in vars(self).items() if name != "comment" or value}
        return _line({"kind": self.kind} | said)


@dataclass(frozen=True)
class Annotation(_Record):
    """One answer: ``category`` is a key of the study's, ``time`` in UTC, ``comment`` free text."""

    kind = "annotation"
    rater: str
    image_id: int
    category: str
    time: str
    comment: str = ""


@dataclass(frozen=True)
class Undo(_Record):
    """One answer taken back."""

    kind = "undo"
    rater: str
    image_id: int
    time: str


@dataclass(frozen=True)
class Consent(_Record):
    """A rater agreed to the consent text of the study, at ``time`` in UTC."""

    kind = "consent"
    rater: str
    time: str


@dataclass(frozen=True)
class Invitation(_Record):
    """The link of one rater: whoever has its ``token`` rates under this name."""

    kind = "invitation"
    rater: str
    token: str
    time: str


@dataclass(frozen=True)
class Withdrawal(_Record):
    """A link that leads nowhere any more; answers given by it stand."""

    kind = "withdrawal"
    rater: str
    token: str
    time: str


Said = Annotation | Undo | Consent | Invitation | Withdrawal
_KINDS: Mapping[str, type[Said]] = {
    one.kind: one for one in (Annotation, Undo, Consent, Invitation, Withdrawal)
}
_KEYS = frozenset(
    {"kind", "version"}.union(
        *({one.name for one in fields(kind)} for kind in (Design, Protocol, *_KINDS.values()))
    )
)


@dataclass(frozen=True)
class Study:
    """A study as its file tells it.

    ``given`` holds the answers that stand, by rater and image in the order they were given: the
    last one of a rater to an image counts, one taken back does not. ``practised`` are those to
    images of practice, which count for nothing. ``consents`` has the time at which each rater
    agreed, ``invitations`` the token of each rater's link that was not withdrawn. ``unreadable``
    numbers the lines that are no whole answer, ``damaged`` those of them that no cut-off write
    explains.
    """

    name: str
    design: Design
    given: Mapping[str, Mapping[int, Annotation]]
    practised: Mapping[str, Mapping[int, Annotation]] = field(default_factory=dict)
    consents: Mapping[str, str] = field(default_factory=dict)
    invitations: Mapping[str, str] = field(default_factory=dict)
    unreadable: tuple[int, ...] = ()
    damaged: tuple[int, ...] = ()

    @property
    def raters(self) -> list[str]:
        """Everybody with an answer that stands, in the order of their first line."""
        return [rater for rater, answers in self.given.items() if answers]

    @property
    def images(self) -> list[int]:
        """Ids of all images, ascending."""
        return sorted(self.design.labels)

    def answers(self, rater: str) -> Mapping[int, Annotation]:
        """Answers of one rater that stand, by image, the latest last."""
        return self.given.get(rater, {})

    def known_raters(self) -> list[str]:
        """Everybody with an answer, a consent or a link, as the study spells them."""
        return list({**self.given, **self.practised, **self.consents, **self.invitations})

    def practice_of(self, rater: str) -> Mapping[int, Annotation]:
        """Answers of one rater to images of practice, by image, the latest last."""
        return self.practised.get(rater, {})

    def invited(self, token: str) -> str | None:
        """Name the rater whose link has this token; None where it is nobody's."""
        for rater, its_token in self.invitations.items():
            if hmac.compare_digest(its_token.encode(), token.encode()):
                return rater
        return None

    def is_finished_by(self, rater: str) -> bool:
        """Whether a rater has seen every image."""
        return len(self.answers(rater)) >= len(self.design.labels)


def read_study(name: str, content: bytes, place: str) -> Study:
    """Make a study of the content of its file.

    A write that was cut off leaves the beginning of a line: it was never confirmed and is passed
    over, at the end of the file and before later lines alike.

    Raises
    ------
    CacheError
        The first line is no design.
    """
    first, _, rest = content.partition(b"\n")
    design = _design(first, place)
    given: dict[str, dict[int, Annotation]] = {}
    practised: dict[str, dict[int, Annotation]] = {}
    consents: dict[str, str] = {}
    invitations: dict[str, str] = {}
    unreadable, damaged = [], []
    lines = rest.split(b"\n")
    for number, line in enumerate(lines, start=2):
        is_open = number == len(lines) + 1  # no end of line: not confirmed, even if it is whole
        said = None if is_open else _said(line, design)
        if isinstance(said, Consent):
            consents.setdefault(said.rater, said.time)
        elif isinstance(said, Invitation):
            invitations.setdefault(said.rater, said.token)
        elif isinstance(said, Withdrawal):
            if invitations.get(said.rater) == said.token:
                del invitations[said.rater]
        elif said is not None:
            kept = given if said.image_id in design.labels else practised
            answers = kept.setdefault(said.rater, {})
            answers.pop(said.image_id, None)
            if isinstance(said, Annotation):
                answers[said.image_id] = said
        elif line:
            unreadable.append(number)
            if line.endswith(b"}") and not is_open:
                damaged.append(number)
    return Study(
        name, design, given, practised, consents, invitations, tuple(unreadable), tuple(damaged)
    )


def rater_name(given: str, known: Iterable[str] = ()) -> str:
    """Return a rater's name as it is stored: one person is one name, however it is typed.

    Raises
    ------
    UserError
        It is empty, too long, or holds characters that cannot be seen.
    """
    name = " ".join(unicodedata.normalize("NFC", given).split())
    if not 1 <= len(name) <= MAX_NAME:
        raise UserError(f"a rater's name: expected 1 to {MAX_NAME} characters, got {len(name)}")
    if not name.isprintable():
        raise UserError("a rater's name: expected characters that can be seen")
    return next((one for one in known if one.casefold() == name.casefold()), name)


def comment_text(given: str) -> str:
    """Return a comment as it is stored: one line of characters that can be seen."""
    seen = "".join(one if one.isprintable() else " " for one in unicodedata.normalize("NFC", given))
    return " ".join(seen.split())[:MAX_COMMENT]


def _design(line: bytes, place: str) -> Design:
    try:
        said = _unsealed(line)
        if said.pop("kind") != _DESIGN or said.pop("version") != VERSION:
            raise ValueError("another kind or version of line")
        labels = {int(image): int(label) for image, label in said.pop("labels")}
        groups = {str(g): tuple(int(i) for i in ids) for g, ids in said.pop("groups").items()}
        if not groups.keys() <= set(GROUPS) or set().union(*groups.values()) != labels.keys():
            raise ValueError("groups and labels are not of the same images")
        protocol = protocol_of(said)
        if protocol.practice.keys() & labels.keys():
            raise ValueError("an image of practice is one of the study too")
        return Design(**_known(Design, said), labels=labels, groups=groups, protocol=protocol)
    except _UNREADABLE as error:
        raise CacheError(
            f"{place}: its first line does not say which images were drawn ({error}); the study "
            "cannot be read"
        ) from error


def _said(line: bytes, design: Design) -> Said | None:
    try:
        said = _unsealed(line)
        kind = _KINDS[said.pop("kind")]
        made = kind(**_known(kind, said))
    except _UNREADABLE:
        return None
    texts = [value for name, value in vars(made).items() if name != "image_id"]
    if not all(isinstance(text, str) for text in texts):
        return None
    if isinstance(made, Consent | Invitation | Withdrawal):
        return made
    is_asked = isinstance(made.image_id, int) and (
        made.image_id in design.labels or made.image_id in design.protocol.practice
    )
    if not is_asked:
        return None
    is_known = not isinstance(made, Annotation) or made.category in design.protocol.keys
    return made if is_known else None


def _unsealed(line: bytes) -> dict[str, Any]:
    return unsealed(json.loads(line), _KEYS)


def _known(kind: type, said: Mapping[str, Any]) -> dict[str, Any]:
    """What a record has a field for: a later version may say more."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in said.items() if name in names}


def _line(said: Mapping[str, object]) -> str:
    return json.dumps(sealed({**said}), ensure_ascii=False) + "\n"
