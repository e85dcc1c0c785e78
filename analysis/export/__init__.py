"""The ways out: chosen images of a sweep in the formats of other tools.

``chosen`` says which images and what is known of them, ``pictures`` reads them, every format is a
file of its own that registers itself in ``registry``, and ``writing`` puts its files into a
folder, a ZIP or a single file, whole or not at all. ``choosing`` picks images by population, kind
and class.
"""

from analysis.export.registry import Format, formats, sharing_format
from analysis.export.selection import Chosen, choose, wording_of
from analysis.export.write import refusal, share, share_bytes

__all__ = [
    "Chosen", "Format", "choose", "formats", "refusal", "share", "share_bytes", "sharing_format",
    "wording_of",
]  # fmt: skip
