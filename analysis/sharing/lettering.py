"""Letters on a contact sheet: a font, what it can draw, and text cut to the room there is."""

import importlib.util
from functools import cache
from pathlib import Path

from PIL import ImageFont

from analysis.figures.labels import one_line

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_REGULAR, _BOLD = 400, 650
# A font that is on every machine with the requirements comes first, so that sheets look alike.
_SHIPPED = ("streamlit", "static/static/media/SourceSansVF-Upright*")
_INSTALLED = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "Helvetica.ttc")
_NO_LETTER = "\U0010ffff"


@cache
def font(size: int, *, bold: bool = False) -> Font:
    """Return the sheet's font; without any other the one that Pillow brings, of few letters."""
    shipped = _shipped()
    if shipped is not None:
        found = ImageFont.truetype(shipped, size)
        found.set_variation_by_axes([_BOLD if bold else _REGULAR])
        return found
    for name in _INSTALLED:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


@cache
def _shipped() -> str | None:
    """Find the font among the files of a requirement, which is not imported for it."""
    package, pattern = _SHIPPED
    about = importlib.util.find_spec(package)
    if about is None or about.origin is None:
        return None
    for path in sorted(Path(about.origin).parent.glob(pattern)):
        try:
            ImageFont.truetype(str(path), 12).set_variation_by_axes([_REGULAR])
        except OSError:
            continue
        return str(path)
    return None


@cache
def can_draw(character: str) -> bool:
    """Whether the font has a character, told by its differing from what stands for none."""
    if character.isspace():
        return True
    sample = font(20)
    return bytes(sample.getmask(character)) != bytes(sample.getmask(_NO_LETTER))


def class_text(name: str, class_id: int) -> str:
    """Return a class name as the sheet can draw it.

    A name with letters that the font lacks gets its class number, ``#3``, in front of what is left
    of it, so that two names never look alike for want of letters.
    """
    line = one_line(name)
    left = "".join(filter(can_draw, line))
    if left == line:
        return line
    return f"#{class_id} {' '.join(left.split())}".strip()


def text(value: str) -> str:
    """Return other text as the sheet can draw it, ``?`` for each letter that the font lacks."""
    return "".join(one if can_draw(one) else "?" for one in one_line(value))


def cut(value: str, letters: Font, width: float) -> str:
    """Cut text where it is wider than the room there is, with an ellipsis."""
    if letters.getlength(value) <= width:
        return value
    mark = "…" if can_draw("…") else "..."
    fits, too_long = 0, len(value)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if letters.getlength(value[:middle].rstrip() + mark) <= width:
            fits = middle
        else:
            too_long = middle
    return value[:fits].rstrip() + mark


def cut_pair(one: str, other: str, between: str, letters: Font, width: float) -> str:
    """Join two texts, cutting them where both do not fit; a short one leaves its room."""
    room = width - letters.getlength(between)
    wide, narrow = letters.getlength(one), letters.getlength(other)
    if wide + narrow > room:
        half = room / 2
        one = cut(one, letters, max(half, room - narrow))
        other = cut(other, letters, room - letters.getlength(one))
    return f"{one}{between}{other}"
