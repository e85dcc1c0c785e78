"""What a study shows its raters besides the images: instructions, consent, categories, practice."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis.errors import UserError
from analysis.schema import CATEGORIES, NO_MAJORITY, Category

MAX_TEXT = 5_000
MAX_CATEGORIES = 10  # one key each: 1 to 9, and 0
_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_MAX_NAME, _MAX_ABOUT = 60, 200
_FEWEST = 2


@dataclass(frozen=True)
class Protocol:
    """What raters read and are asked; fixed when the study starts.

    Attributes
    ----------
    instructions, consent : str
        Plain text, shown before the first image; nothing is shown where they are empty. Whoever
        takes part in a study with a consent text agrees to it first.
    categories : sequence of Category
        The answers that can be given; those of Hooker et al. 2019 by default.
    practice : mapping of int to int
        Images that each rater judges first and that count for nothing, with their true class.
    """

    instructions: str = ""
    consent: str = ""
    categories: Sequence[Category] = CATEGORIES
    practice: Mapping[int, int] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the categories, as answers are stored."""
        return tuple(one.key for one in self.categories)

    @property
    def names(self) -> dict[str, str]:
        """Names of the categories by their keys, as people read them."""
        return {one.key: one.name for one in self.categories}

    def to_fields(self) -> dict[str, Any]:
        """Spell what is not at its default, for the first line of a study."""
        spelled: dict[str, Any] = {}
        if self.instructions:
            spelled["instructions"] = self.instructions
        if self.consent:
            spelled["consent"] = self.consent
        if tuple(self.categories) != CATEGORIES:
            spelled["categories"] = [vars(one) for one in self.categories]
        if self.practice:
            spelled["practice"] = [list(pair) for pair in sorted(self.practice.items())]
        return spelled


def protocol_of(said: Mapping[str, Any]) -> Protocol:
    """Read what the first line of a study says of it; older studies say nothing.

    Raises
    ------
    UserError, ValueError, TypeError, KeyError
        It is not what a study says.
    """
    listed = said.get("categories")
    made = Protocol(
        str(said.get("instructions", "")),
        str(said.get("consent", "")),
        CATEGORIES
        if listed is None
        else tuple(
            Category(str(one["key"]), str(one["name"]), str(one.get("about", ""))) for one in listed
        ),
        {int(image): int(label) for image, label in said.get("practice", ())},
    )
    check_categories(made.categories)
    return made


def categories_from(text: str) -> tuple[Category, ...]:
    """Read categories from text, one a line: ``KEY = NAME | what it means``; the last is optional.

    Without any text they are the paper's eight.

    Raises
    ------
    UserError
        A line is no category, or there are too few or too many.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return CATEGORIES
    made = []
    for line in lines:
        key, is_there, rest = line.partition("=")
        name, _, about = rest.partition("|")
        if not is_there or not name.strip():
            raise UserError(
                f"category '{line[:60]}': expected KEY = NAME or KEY = NAME | MEANING, such as "
                "blurred = Blurred | Too blurred to tell"
            )
        made.append(Category(key.strip(), name.strip(), about.strip()))
    check_categories(made)
    return tuple(made)


def check_categories(categories: Sequence[Category]) -> None:
    """See that answers can be told apart, and read.

    Raises
    ------
    UserError
        They cannot.
    """
    if not _FEWEST <= len(categories) <= MAX_CATEGORIES:
        raise UserError(
            f"{len(categories)} categories: expected 2 to {MAX_CATEGORIES}, one key of the "
            "keyboard each"
        )
    keys = [one.key for one in categories]
    for one in categories:
        if not _KEY.fullmatch(one.key) or one.key == NO_MAJORITY:
            raise UserError(
                f"category key '{one.key[:60]}': expected 1 to 40 small letters, digits and "
                f"hyphens, and not {NO_MAJORITY}"
            )
        if keys.count(one.key) > 1:
            raise UserError(f"category key '{one.key}' is there twice: expected a key once")
        for what, text, most in (("name", one.name, _MAX_NAME), ("meaning", one.about, _MAX_ABOUT)):
            if len(text) > most or not text.isprintable():
                raise UserError(
                    f"{what} of category '{one.key}': expected at most {most} characters that can "
                    "be seen"
                )


def plain_text(what: str, text: str) -> str:
    """Return a text for raters as it is stored.

    Raises
    ------
    UserError
        It is too long, or holds characters that cannot be seen.
    """
    tidy = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if len(tidy) > MAX_TEXT:
        raise UserError(f"{what}: expected at most {MAX_TEXT:,} characters, got {len(tidy):,}")
    if not tidy.replace("\n", "").replace("\t", "").isprintable():
        raise UserError(f"{what}: expected characters that can be seen")
    return tidy
