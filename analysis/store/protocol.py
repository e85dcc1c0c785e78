"""The protocol of a human study: instructions, consent text, categories, practice images."""

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
    """The texts, categories and practice images of a study, fixed when it starts.

    Attributes
    ----------
    instructions, consent : str
        Plain text before the first image; empty for none. Raters must agree to a consent text
        before they start.
    categories : sequence of Category
        The possible answers; those of Hooker et al. 2019 by default.
    practice : mapping of int to int
        Images that each rater judges first, which do not count, with their true class.
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
        """Displayed names of the categories by key."""
        return {one.key: one.name for one in self.categories}

    def to_fields(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, for the first line of a study."""
        fields: dict[str, Any] = {}
        if self.instructions:
            fields["instructions"] = self.instructions
        if self.consent:
            fields["consent"] = self.consent
        if tuple(self.categories) != CATEGORIES:
            fields["categories"] = [vars(one) for one in self.categories]
        if self.practice:
            fields["practice"] = [list(pair) for pair in sorted(self.practice.items())]
        return fields


def protocol_of(stored: Mapping[str, Any]) -> Protocol:
    """Read the protocol in the first line of a study; older studies have defaults.

    Raises
    ------
    UserError, ValueError, TypeError, KeyError
        The line has no valid protocol.
    """
    listed = stored.get("categories")
    categories = CATEGORIES if listed is None else tuple(
        Category(str(one["key"]), str(one["name"]), str(one.get("about", ""))) for one in listed
    )  # fmt: skip
    protocol = Protocol(
        str(stored.get("instructions", "")),
        str(stored.get("consent", "")),
        categories,
        {int(image): int(label) for image, label in stored.get("practice", ())},
    )
    check_categories(protocol.categories)
    return protocol


def categories_from(text: str) -> tuple[Category, ...]:
    """Read categories from text, one a line: ``KEY = NAME | what it means``; the last is optional.

    Empty text stands for the eight categories of the paper.

    Raises
    ------
    UserError
        A line is not a category, or there are too few or too many.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return CATEGORIES
    categories = []
    for line in lines:
        key, equals, rest = line.partition("=")
        name, _, about = rest.partition("|")
        if not equals or not name.strip():
            raise UserError(
                f"category '{line[:60]}': expected KEY = NAME or KEY = NAME | MEANING, such as "
                "blurred = Blurred | Too blurred to tell"
            )
        categories.append(Category(key.strip(), name.strip(), about.strip()))
    check_categories(categories)
    return tuple(categories)


def check_categories(categories: Sequence[Category]) -> None:
    """Check that categories are distinct and readable.

    Raises
    ------
    UserError
        They are not.
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
            raise UserError(f"category key '{one.key}' occurs twice; expected unique keys")
        for what, text, most in (("name", one.name, _MAX_NAME), ("meaning", one.about, _MAX_ABOUT)):
            if len(text) > most or not text.isprintable():
                raise UserError(
                    f"{what} of category '{one.key}': expected at most {most} visible characters"
                )


def plain_text(what: str, text: str) -> str:
    """Normalize a text for raters.

    Raises
    ------
    UserError
        The text is too long or has invisible characters.
    """
    tidy = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if len(tidy) > MAX_TEXT:
        raise UserError(f"{what}: expected at most {MAX_TEXT:,} characters, got {len(tidy):,}")
    if not tidy.replace("\n", "").replace("\t", "").isprintable():
        raise UserError(f"{what}: expected visible characters")
    return tidy
