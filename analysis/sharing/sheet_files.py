"""``contact-sheet-png`` and ``contact-sheet-pdf``: contact sheets as files."""

import io
from datetime import UTC, datetime

from analysis.sharing.chosen import Chosen
from analysis.sharing.contact_sheet import DPI, long_page, pages
from analysis.sharing.picture_pdf import picture_pdf
from analysis.sharing.registry import Files, register
from analysis.wording import count

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
    """Give one PNG."""
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
    """Give one PDF."""
    manifest = chosen.results.manifest
    title = f"{manifest.name}, {chosen.variant_id}"
    made = picture_pdf(pages(chosen), dpi=DPI, title=title, made=_date(manifest.updated))
    yield "contact-sheet.pdf", made


def _date(updated: str) -> str:
    """Write the cache's date, so that the same images give the same bytes."""
    try:
        return f"{datetime.fromisoformat(updated).astimezone(UTC):D:%Y%m%d%H%M%SZ}"
    except ValueError:
        return ""
