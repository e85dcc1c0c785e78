"""How figures are set for a paper: their width, the size of their letters, what stands around."""

import re
from dataclasses import dataclass

from analysis.errors import UserError
from analysis.options import check_options, option

_WIDTH = re.compile(r"(\d{1,4}(?:\.\d{1,2})?)(mm|px)", re.ASCII)
_INCH_MM, _INCH_PX, _INCH_PT = 25.4, 96.0, 72.0
# What figures are laid out in: letters of 12 px, which is what 9 pt are at 96 dots an inch.
LETTER_PX = 12.0
_NARROWEST, _WIDEST = 200.0, 6_000.0
_GROUP = "figures: how every one of them is set"


@dataclass(frozen=True)
class FigurePreset:
    """How figures are written into files; the same for all figures of a paper."""

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
    dpi: int = option(192, help="dots an inch of a PNG", group=_GROUP, least=36)
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
        """Whether the width is one of paper: no letter is smaller than the others then."""
        return self.width.endswith("mm")

    @property
    def width_px(self) -> float:
        """Width in CSS pixels, 96 an inch."""
        found = _WIDTH.fullmatch(self.width)
        number = float(found[1]) if found else 0.0
        return number * _INCH_PX / _INCH_MM if self.width.endswith("mm") else number

    @property
    def scale(self) -> float:
        """By how much what is laid out with letters of 12 px becomes larger."""
        return self.type_size * _INCH_PX / _INCH_PT / LETTER_PX

    @property
    def layout_px(self) -> float:
        """Width that is laid out, so that letters of 12 px come out at the size asked for."""
        return self.width_px / self.scale


SCREEN = FigurePreset()
