"""Contact sheets: pictures in rows with what either population says of them, for A4."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw, UnidentifiedImageError

from analysis import schema
from analysis.figures.theme import KIND_COLORS
from analysis.sharing.chosen import Chosen
from analysis.sharing.lettering import can_draw, class_text, cut, cut_pair, font, text
from analysis.sharing.pictures import pictures
from analysis.wording import count, is_missing, percent

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
_READABLE = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")


@dataclass(frozen=True)
class _Sheet:
    """What all pages of a sheet have in common."""

    chosen: Chosen
    rows: list[dict[str, Any]]
    names: list[str]

    @property
    def has_numbers(self) -> bool:
        """Whether a class is given by its number for want of letters."""
        asked = {row[c] for row in self.rows for c in (schema.LABEL, *_MODAL)}
        return any(not all(map(can_draw, self.chosen.class_names[c])) for c in asked)

    @property
    def has_ties(self) -> bool:
        """Whether votes are tied somewhere."""
        return any(row["tied"] or row["dense_tied"] for row in self.rows)


_MODAL = ("dense_modal_label", "modal_label")


def n_pages(n_images: int) -> int:
    """Return the number of A4 pages of a sheet."""
    return max(1, -(-n_images // (COLUMNS * ROWS)))


def pages(chosen: Chosen) -> Iterator[Image.Image]:
    """Draw a sheet as A4 pages of 36 pictures, 200 dots an inch."""
    n = COLUMNS * ROWS
    return _drawn(chosen, n, A4[1], n_pages(len(chosen)))


def long_page(chosen: Chosen) -> Image.Image:
    """Draw a sheet as one picture as wide as an A4 page and as long as it takes."""
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
        f"Below each: true label and image_id; {chosen.said} of dense {_arrow()} of the "
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
    """Paste a picture centred in its square: enlarged in whole pixels where it is small."""
    shown = _scaled(content)
    if shown is None:
        draw.rectangle((x, y, x + _SIDE - 1, y + _SIDE - 1), "#F3F3F3", _FAINT)
        middle = (x + _SIDE / 2, y + _SIDE / 2)
        draw.text(middle, "no picture", _QUIET, font(19), anchor="mm")
        return
    left, top = x + (_SIDE - shown.width) // 2, y + (_SIDE - shown.height) // 2
    page.paste(shown, (left, top))
    # A white picture has an edge too.
    draw.rectangle((left - 1, top - 1, left + shown.width, top + shown.height), None, _FAINT)


def _scaled(content: bytes | None) -> Image.Image | None:
    if not content:
        return None
    try:
        with Image.open(io.BytesIO(content), formats=_READABLE) as opened:
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
    label, dense, variant = (sheet.names[row[c]] for c in (schema.LABEL, *_MODAL))
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
    said = f"{kind or 'no PIE'}{tied}"
    draw.text((x + plain.getlength(mark), y + 2 * _LINE), said, _INK, plain)
    if sheet.chosen.is_single:
        return
    agreed = f"{percent(row['dense_agreement'], 0)[:-2]} {_arrow()} {percent(row['agreement'], 0)}"
    draw.text((x + _SIDE, y + 2 * _LINE), agreed, _QUIET, font(18), anchor="ra")


def _arrow() -> str:
    return "→" if can_draw("→") else "->"
