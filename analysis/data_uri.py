"""Thumbnails as data URIs, for pages that hold all they show."""

import base64

_SIGNATURES = {
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "jpeg",
    b"GIF8": "gif",
    b"RIFF": "webp",
}


def data_uri(content: bytes | None) -> str:
    """Write an encoded picture as a data URI; empty where there is none, or no known one."""
    for signature, kind in _SIGNATURES.items():
        if content and content.startswith(signature):
            return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
    return ""
