"""Presets of figures for a paper: width, size of letters, texts around them."""

import re
from dataclasses import dataclass

from analysis.errors import UserError
from analysis.options import check_options, option

_WIDTH = re.compile(r"(\d{1,4}(?:\.\d{1,2})?)(mm|px)", re.ASCII)
_INCH_MM, _INCH_PX, _INCH_PT = 25.4, 96.0, 72.0
# Figures are laid out with letters of 12 px, which are 9 pt at 96 dots per inch.
LETTER_PX = 12.0
_NARROWEST, _WIDEST = 200.0, 6_000.0
_GROUP = "figures: size and style of every figure"


@dataclass(frozen=True)
class FigurePreset:
    """Size and style of figures in files, the same for all figures of a paper."""

    width: str = option(
        "900px",
        metavar="85mm|174mm|Npx",
        help="width of a figure, such as 85mm for one column of a journal and 174mm for two",
        group=_GROUP,
        flag="figure-width",
    )
    type_size: float = option(
        9.0,
        metavar="PT",
        help="size of its letters in points, at that width",
        group=_GROUP,
        least=4.0,
    )
    dpi: int = option(192, help="dots per inch of a PNG", group=_GROUP, least=36)
    no_title: bool = option(False, help="leave the title out", group=_GROUP)
    no_subtitle: bool = option(False, help="leave the lines below the title out", group=_GROUP)
    no_footnote: bool = option(False, help="leave the footnote out", group=_GROUP)

    def __post_init__(self) -> None:
        check_options(self)
        if not _WIDTH.fullmatch(self.width) or not _NARROWEST <= self.width_px <= _WIDEST:
            raise UserError(
                f"--figure-width {self.width}: expected millimetres or pixels from "
                f"{_NARROWEST:g}px to {_WIDEST:g}px, such as 85mm, 174mm or 900px"
            )
        if self.dpi > 2_400:
            raise UserError(f"--dpi {self.dpi}: expected at most 2400")
        if self.layout_px < _NARROWEST:
            most = self.width_px / _NARROWEST * LETTER_PX * _INCH_PT / _INCH_PX
            raise UserError(
                f"--type-size {self.type_size:g}: too large for a width of {self.width}; expected "
                f"at most {most:.1f}"
            )

    @property
    def is_for_print(self) -> bool:
        """Whether the width is one of paper, for which no letter is smaller than the others."""
        return self.width.endswith("mm")

    @property
    def width_px(self) -> float:
        """Width in CSS pixels, 96 an inch."""
        match = _WIDTH.fullmatch(self.width)
        number = float(match[1]) if match else 0.0
        return number * _INCH_PX / _INCH_MM if self.width.endswith("mm") else number

    @property
    def scale(self) -> float:
        """Factor from the layout with letters of 12 px to the size of the file."""
        return self.type_size * _INCH_PX / _INCH_PT / LETTER_PX

    @property
    def layout_px(self) -> float:
        """Width of the layout, in which letters of ``type_size`` have 12 px."""
        return self.width_px / self.scale


SCREEN = FigurePreset()
