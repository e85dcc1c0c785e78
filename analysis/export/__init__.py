"""Images of a sweep in the formats of other tools.

``selection`` says which images, what is known of them and reads their pictures; every format is a
file of its own that registers itself in ``registry``, and ``write`` puts its files into a folder, a
ZIP or a single file, whole or not at all.
"""

from analysis.export.registry import Format, formats, sharing_format
from analysis.export.selection import Chosen, choose, wording_of
from analysis.export.write import refusal, share, share_bytes

__all__ = [
    "Chosen", "Format", "choose", "formats", "refusal", "share", "share_bytes", "sharing_format",
    "wording_of",
]  # fmt: skip
