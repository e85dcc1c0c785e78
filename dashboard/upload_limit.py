"""Uploads of all visitors together: held in memory until pages close, so their sum is bounded.

Streamlit bounds one file (``server.maxUploadSize``); this bounds what the server holds.
"""

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

MOST_BYTES = 2 * 2**30
_PLACE = "/_stcore/upload_file/"


class UploadLimit:
    """Refuse a file that would make all that are held more than the server may hold.

    Parameters
    ----------
    app : ASGI app
        What takes the files.
    most : int
        Bytes of all files together.
    """

    def __init__(self, app: ASGIApp, most: int = MOST_BYTES) -> None:
        self._app, self._most = app, most
        self._coming = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse the file that it brings."""
        is_upload = scope["type"] == "http" and scope["method"] in ("PUT", "POST")
        if not is_upload or _PLACE not in scope["path"]:
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if not length.isdecimal():
            await _refused(411, "an upload has to say its length")(scope, receive, send)
            return
        size = int(length)
        if held() + self._coming + size > self._most:
            text = (
                f"the files that visitors have uploaded may take {self._most // 2**20:,} MB "
                "together, and this one is too much: close pages with uploads, or use the command "
                "line (lethe import)"
            )
            await _refused(413, text)(scope, receive, send)
            return
        self._coming += size
        try:
            await self._app(scope, receive, send)
        finally:
            self._coming -= size


def held() -> int:
    """Return the bytes of all files that the server holds."""
    from streamlit.runtime import Runtime

    if not Runtime.exists():
        return 0
    of_sessions = getattr(Runtime.instance().uploaded_file_mgr, "file_storage", {})
    return sum(len(one.data) for files in [*of_sessions.values()] for one in [*files.values()])


def _refused(status: int, text: str) -> PlainTextResponse:
    return PlainTextResponse(f"{text}\n", status_code=status)
