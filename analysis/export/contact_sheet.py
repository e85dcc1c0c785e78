"""Contact sheets as PNG and PDF for A4: pictures in rows, with the predictions of both sides."""

import importlib.util
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from analysis import schema
from analysis.datasets.pictures import open_picture
from analysis.export.picture_pdf import picture_pdf
from analysis.export.registry import Files, register
from analysis.export.selection import Chosen, pictures
from analysis.figures.layout import one_line
from analysis.figures.theme import KIND_COLORS
from analysis.presentation.formatting import class_name, count, is_missing, percent

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_REGULAR, _BOLD = 400, 650
# A font that comes with the requirements is preferred, so that sheets look the same everywhere.
_SHIPPED = ("streamlit", "static/static/media/SourceSansVF-Upright*")
_INSTALLED = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "Helvetica.ttc")
_NO_LETTER = "\U0010ffff"


@cache
def font(size: int, *, bold: bool = False) -> Font:
    """Return the sheet's font; by default the one of Pillow, which has few letters."""
    shipped = _shipped()
    if shipped is not None:
        letters = ImageFont.truetype(shipped, size)
        letters.set_variation_by_axes([_BOLD if bold else _REGULAR])
        return letters
    for name in _INSTALLED:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


@cache
def _shipped() -> str | None:
    """Find the font among the files of a requirement, without importing it."""
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
    """Whether the font has a character: its glyph differs from that of missing characters."""
    if character.isspace():
        return True
    sample = font(20)
    return bytes(sample.getmask(character)) != bytes(sample.getmask(_NO_LETTER))


def class_text(name: str, class_id: int) -> str:
    """Return a class name with only the letters that the font has.

    If some are missing, the class number, ``#3``, stands in front, so that two names never look
    alike.
    """
    line = one_line(name)
    left = "".join(filter(can_draw, line))
    if left == line:
        return line
    return f"#{class_id} {' '.join(left.split())}".strip()


def text(value: str) -> str:
    """Replace each letter that the font lacks by ``?``."""
    return "".join(one if can_draw(one) else "?" for one in one_line(value))


def cut(value: str, letters: Font, width: float) -> str:
    """Cut text that is too wide, with an ellipsis."""
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
    """Join two texts, cutting them if both do not fit; a short one leaves its room to the other."""
    room = width - letters.getlength(between)
    wide, narrow = letters.getlength(one), letters.getlength(other)
    if wide + narrow > room:
        half = room / 2
        one = cut(one, letters, max(half, room - narrow))
        other = cut(other, letters, room - letters.getlength(one))
    return f"{one}{between}{other}"


DPI = 200
COLUMNS, ROWS = 6, 6
A4 = (1654, 2339)
_MARGIN, _GAP, _LINE = 88, 26, 25
_SIDE = (A4[0] - 2 * _MARGIN - (COLUMNS - 1) * _GAP) // COLUMNS
_TILE = _SIDE + 8 + 3 * _LINE + _GAP
_TOP, _BOTTOM = 214, 96
_CRISP_PX = 64
_INK, _QUIET, _FAINT = "#1A1A1A", "#5A5A5A", "#D5D5D5"
_MARKS = {"forgotten": "▼", "recovered": "▲", "changed": "◆", "": "○"}


@dataclass(frozen=True)
class _Sheet:
    """Content of all pages of a sheet."""

    chosen: Chosen
    rows: list[dict[str, Any]]
    names: list[str]

    @property
    def has_numbers(self) -> bool:
        """Whether a class is shown by its number because of missing letters."""
        classes = {row[c] for row in self.rows for c in (schema.LABEL, *_MODAL)}
        return any(not all(map(can_draw, self.chosen.class_names[c])) for c in classes)

    @property
    def has_ties(self) -> bool:
        """Whether votes are tied somewhere."""
        return any(row["tied"] or row["dense_tied"] for row in self.rows)


_MODAL = ("dense_modal_label", "modal_label")


def n_pages(n_images: int) -> int:
    """Return the number of A4 pages of a sheet."""
    return max(1, -(-n_images // (COLUMNS * ROWS)))


def pages(chosen: Chosen) -> Iterator[Image.Image]:
    """Draw a sheet as A4 pages of 36 pictures, 200 dots per inch."""
    n = COLUMNS * ROWS
    return _drawn(chosen, n, A4[1], n_pages(len(chosen)))


def long_page(chosen: Chosen) -> Image.Image:
    """Draw a sheet as one picture, as wide as an A4 page and as long as needed."""
    height = _TOP + -(-len(chosen) // COLUMNS) * _TILE + _BOTTOM
    return next(_drawn(chosen, len(chosen), height, 1))


def _drawn(chosen: Chosen, n_tiles: int, height: int, total: int) -> Iterator[Image.Image]:
    names = [class_text(name, i) for i, name in enumerate(chosen.class_names)]
    sheet = _Sheet(chosen, chosen.table.to_dict("records"), names)
    content = pictures(chosen.results, chosen.image_ids)
    for number in range(total):
        page = Image.new("RGB", (A4[0], height), "white")
        draw = ImageDraw.Draw(page)
        _head(draw, sheet)
        _foot(draw, sheet, height, number + 1, total)
        shown = sheet.rows[number * n_tiles : (number + 1) * n_tiles]
        for place, row in enumerate(shown):
            x = _MARGIN + place % COLUMNS * (_SIDE + _GAP)
            y = _TOP + place // COLUMNS * _TILE
            _picture(page, draw, next(content)[1], x, y)
            _words(draw, sheet, row, x, y + _SIDE + 8)
        yield page


def _head(draw: ImageDraw.ImageDraw, sheet: _Sheet) -> None:
    chosen, width = sheet.chosen, A4[0] - 2 * _MARGIN
    title = text(f"{chosen.results.manifest.name}, {chosen.variant_id} against dense")
    draw.text((_MARGIN, 76), cut(title, font(40, bold=True), width), _INK, font(40, bold=True))
    n = len(chosen)
    words = text(f"{count(n)} {'image' if n == 1 else 'images'}: {chosen.words or 'as chosen'}")
    draw.text((_MARGIN, 128), cut(words, font(25), width), _INK, font(25))
    shares = f"; share of runs that agree with it, dense {_arrow()} variant"
    legend = (
        f"Below each: true label and image_id; {chosen.answer_name} of dense {_arrow()} of the "
        f"variant; kind of PIE{'' if chosen.is_single else shares}."
    )
    draw.text((_MARGIN, 164), cut(legend, font(21), width), _QUIET, font(21))


def _foot(draw: ImageDraw.ImageDraw, sheet: _Sheet, height: int, number: int, total: int) -> None:
    notes = [sheet.chosen.footnote]
    if sheet.has_ties:
        notes.append("* votes tied in a population")
    if sheet.has_numbers:
        notes.append("#n is class number n: its name has letters that this sheet's font lacks")
    page = f"{number} of {total}" if total > 1 else ""
    right = A4[0] - _MARGIN
    room = right - _MARGIN - (140 if page else 0)
    lines = (notes[0], " · ".join(notes[1:]))
    for i, line in enumerate(filter(None, lines)):
        draw.text(
            (_MARGIN, height - 74 + 26 * i), cut(text(line), font(19), room), _QUIET, font(19)
        )
    draw.text((right, height - 74), page, _QUIET, font(19), anchor="ra")


def _picture(
    page: Image.Image, draw: ImageDraw.ImageDraw, content: bytes | None, x: int, y: int
) -> None:
    """Paste a picture centred in its square; a small one is enlarged by a whole factor."""
    shown = _scaled(content)
    if shown is None:
        draw.rectangle((x, y, x + _SIDE - 1, y + _SIDE - 1), "#F3F3F3", _FAINT)
        middle = (x + _SIDE / 2, y + _SIDE / 2)
        draw.text(middle, "no picture", _QUIET, font(19), anchor="mm")
        return
    left, top = x + (_SIDE - shown.width) // 2, y + (_SIDE - shown.height) // 2
    page.paste(shown, (left, top))
    # An edge shows white pictures too.
    draw.rectangle((left - 1, top - 1, left + shown.width, top + shown.height), None, _FAINT)


def _scaled(content: bytes | None) -> Image.Image | None:
    if not content:
        return None
    try:
        with open_picture(io.BytesIO(content)) as opened:
            shown = _on_white(opened)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError):
        return None
    longest = max(shown.size)
    if longest <= _CRISP_PX:
        factor = _SIDE // longest
        return shown.resize((shown.width * factor, shown.height * factor), Image.Resampling.NEAREST)
    scale = _SIDE / longest
    size = (max(1, round(shown.width * scale)), max(1, round(shown.height * scale)))
    return shown.resize(size, Image.Resampling.LANCZOS)


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    ground = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")


def _words(draw: ImageDraw.ImageDraw, sheet: _Sheet, row: dict[str, Any], x: int, y: int) -> None:
    bold, plain = font(21, bold=True), font(20)
    label, dense, variant = (class_name(sheet.names, row[c]) for c in (schema.LABEL, *_MODAL))
    number = str(row[schema.IMAGE_ID])
    draw.text((x + _SIDE, y + 2), number, _QUIET, font(18), anchor="ra")
    room = _SIDE - font(18).getlength(number) - 12
    draw.text((x, y), cut(label, bold, room), _INK, bold)
    modal = cut_pair(dense, variant, f" {_arrow()} ", plain, _SIDE)
    draw.text((x, y + _LINE), modal, _INK, plain)
    kind = "" if is_missing(row["kind"]) else str(row["kind"])
    mark = f"{_MARKS[kind]} " if can_draw(_MARKS[kind]) else ""
    tied = "*" if row["tied"] or row["dense_tied"] else ""
    draw.text((x, y + 2 * _LINE), mark, KIND_COLORS.get(kind, _QUIET), plain)
    words = f"{kind or 'no PIE'}{tied}"
    draw.text((x + plain.getlength(mark), y + 2 * _LINE), words, _INK, plain)
    if sheet.chosen.is_single:
        return
    agreed = f"{percent(row['dense_agreement'], 0)[:-2]} {_arrow()} {percent(row['agreement'], 0)}"
    draw.text((x + _SIDE, y + 2 * _LINE), agreed, _QUIET, font(18), anchor="ra")


def _arrow() -> str:
    return "→" if can_draw("→") else "->"


_PNG_MOST, _PDF_MOST = 240, 2_000


@register(
    "contact-sheet-png",
    title="Contact sheet, PNG",
    shape="file",
    suffix=".png",
    mime="image/png",
    about="One picture, as wide as an A4 page at 200 dots an inch: six images a row, below each "
    f"its labels, kind and agreement. {count(_PNG_MOST)} images at most.",
    most=_PNG_MOST,
    why="a longer picture can be neither read nor printed; choose fewer, or the PDF, which has "
    "pages",
)
def png(chosen: Chosen) -> Files:
    """Yield one PNG."""
    buffer = io.BytesIO()
    long_page(chosen).save(buffer, "PNG", dpi=(DPI, DPI))
    yield "contact-sheet.png", buffer.getvalue()


@register(
    "contact-sheet-pdf",
    title="Contact sheet, PDF",
    shape="file",
    suffix=".pdf",
    mime="application/pdf",
    about="A4 pages of 36 images, 200 dots an inch: below each its labels, kind and agreement. "
    f"{count(_PDF_MOST)} images at most.",
    most=_PDF_MOST,
    why="nobody reads more pages than that; choose fewer, or the ZIP, which has no limit",
)
def pdf(chosen: Chosen) -> Files:
    """Yield one PDF."""
    manifest = chosen.results.manifest
    title = f"{manifest.name}, {chosen.variant_id}"
    content = picture_pdf(pages(chosen), dpi=DPI, title=title, created=_date(manifest.updated))
    yield "contact-sheet.pdf", content


def _date(updated: str) -> str:
    """Format the date of the cache, so that the same images give the same bytes."""
    try:
        return f"{datetime.fromisoformat(updated).astimezone(UTC):D:%Y%m%d%H%M%SZ}"
    except ValueError:
        return ""
