"""Words and numbers for the screen; names that came from outside are never read as markup."""

import re
from html import escape

import streamlit as st

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
# After these characters Streamlit would make an emoji, or a link of an address.
_FOUND_LATER = re.compile(r":(?=[\w+/-]+:)|:(?=//)|www(?=\.)|@", re.IGNORECASE)


def plain(text: object) -> str:
    """Write text so that Streamlit's Markdown shows it as it is.

    Every ASCII punctuation mark is escaped. Emoji short codes and addresses are looked for after
    Markdown was parsed, so a word joiner keeps ``:name:`` and ``https://`` from being one.
    """
    joined = _FOUND_LATER.sub("\\g<0>\u2060", str(text))
    return _PUNCTUATION.sub(r"\\\1", joined).replace("\n", " ")


def html_text(text: object, *, tag: str = "p", role: str = "", testid: str = "") -> None:
    """Show text as one HTML element, escaped."""
    attributes = "".join(
        f' {name}="{escape(value)}"'
        for name, value in (("class", role), ("data-testid", testid))
        if value
    )
    st.html(f"<{tag}{attributes}>{escape(str(text))}</{tag}>")


def alt_text(text: object) -> str:
    """Write text for an attribute of ``st.html``, which drops those that look like a tag."""
    return escape(str(text).replace("<", "‹").replace(">", "›"))
