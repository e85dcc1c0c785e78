"""Writer of a PDF whose pages are pictures, page after page."""

import io
from collections.abc import Iterable

from PIL import Image

_CATALOG, _PAGES, _INFO = 1, 2, 3
_FIRST = 4
_POINTS = 72
_QUALITY = 92


def picture_pdf(pages: Iterable[Image.Image], *, dpi: int, title: str, created: str = "") -> bytes:
    """Return a PDF with a page for each picture, in its size at ``dpi`` dots per inch.

    Only one page is in memory at a time; the same pages give the same bytes.

    Parameters
    ----------
    created
        Date in the form of PDF (``D:20261122120000Z``); empty for none.
    """
    buffer = io.BytesIO(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
    buffer.seek(0, io.SEEK_END)
    places: dict[int, int] = {}

    def write(number: int, content: bytes) -> None:
        places[number] = buffer.tell()
        buffer.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))

    kids: list[int] = []
    for page in pages:
        number = _FIRST + 3 * len(kids)
        kids.append(number)
        width, height = (side * _POINTS / dpi for side in page.size)
        drawn = b"q %.3f 0 0 %.3f 0 0 cm /P Do Q" % (width, height)
        write(number, _page(number, width, height))
        write(number + 1, b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn))
        write(number + 2, _picture(page))
    refs = b" ".join(b"%d 0 R" % kid for kid in kids)
    write(_CATALOG, b"<< /Type /Catalog /Pages %d 0 R >>" % _PAGES)
    write(_PAGES, b"<< /Type /Pages /Kids [%s] /Count %d >>" % (refs, len(kids)))
    date = b" /CreationDate (%s)" % created.encode("ascii") if created else b""
    write(_INFO, b"<< /Title %s /Producer (Lethe)%s >>" % (_text(title), date))
    start, size = buffer.tell(), len(places) + 1
    buffer.write(b"xref\n0 %d\n0000000000 65535 f \n" % size)
    for number in sorted(places):
        buffer.write(b"%010d 00000 n \n" % places[number])
    buffer.write(
        b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (size, _CATALOG, _INFO, start)
    )
    return buffer.getvalue()


def _page(number: int, width: float, height: float) -> bytes:
    return (
        b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %.3f %.3f] /Contents %d 0 R "
        b"/Resources << /XObject << /P %d 0 R >> >> >>"
        % (_PAGES, width, height, number + 1, number + 2)
    )


def _picture(page: Image.Image) -> bytes:
    encoded = io.BytesIO()
    # Full colour resolution, which letters and hard edges of pixels need.
    page.convert("RGB").save(encoded, "JPEG", quality=_QUALITY, subsampling=0)
    content = encoded.getvalue()
    head = (
        b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB "
        b"/BitsPerComponent 8 /Filter /DCTDecode /Length %d >>" % (*page.size, len(content))
    )
    return b"%s\nstream\n%s\nendstream" % (head, content)


def _text(text: str) -> bytes:
    """Encode text for PDF: UTF-16 in hexadecimal, which needs no escapes."""
    return b"<FEFF%s>" % text.encode("utf-16-be", "replace").hex().upper().encode()
