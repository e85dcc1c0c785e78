"""Characters that nobody sees but that change what is seen: of terminals, of text direction."""

import re

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_COMMANDS = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    r"\ud800-\udfff]|\r(?!\n)"
)


def one_line(text: object) -> str:
    """Return text with a blank for each run of control characters, without blanks around it."""
    return _UNSEEN.sub(" ", str(text)).strip()


def visible(text: str) -> str:
    r"""Return text with every character that a terminal obeys written out, as ``\x1b``.

    Line ends and tabs stay. So do letters of every script, and what joins them.
    """
    return _COMMANDS.sub(lambda one: one[0].encode("unicode_escape").decode(), text)
