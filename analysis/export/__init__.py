"""Export of images in the formats of other tools.

``selection`` selects images, their table and pictures; each format is a file that registers itself
in ``registry``, and ``write`` writes its files into a folder, a ZIP or a single file, completely or
not at all.
"""

from analysis.export.registry import Format, formats, sharing_format
from analysis.export.selection import Chosen, choose, wording_of
from analysis.export.write import refusal, share, share_bytes

__all__ = [
    "Chosen", "Format", "choose", "formats", "refusal", "share", "share_bytes", "sharing_format",
    "wording_of",
]  # fmt: skip
