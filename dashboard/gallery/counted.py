"""Options with the number of images beside each.

Streamlit sends the label of what is chosen, and the numbers in it may have changed meanwhile: a
choice made just before the page was drawn anew comes with the earlier number.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis.wording import count

_NUMBER = re.compile(r" \([\d,]+\)\Z")


def counted(
    counts: Mapping[str, int], words: Mapping[str, str] | None = None
) -> Callable[[str], str]:
    """Return what labels an option: its words, by default itself, and its number of images."""
    return lambda one: f"{(words or {}).get(one, one)} ({count(counts[one])})"


def understood(given: Any, options: Sequence[str], words: Mapping[str, str] | None = None) -> Any:
    """Return the option, or the options of a list, that is meant; labels with any number count.

    What is no option under any number stays as it is.
    """
    if isinstance(given, list | tuple):
        return tuple(understood(one, options, words) for one in given)
    if given in options:
        return given
    bare = _NUMBER.sub("", str(given))
    return next((one for one in options if (words or {}).get(one, one) == bare), given)
