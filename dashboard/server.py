"""The app behind its guards: known hosts, no frames of other sites, and a limit of messages.

``python -m dashboard`` serves this; ``streamlit run dashboard/app.py`` serves the app alone.
"""

import asyncio
import time
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect, WebSocketDisconnected
from streamlit.starlette import App

from dashboard import hosts, pages
from dashboard.upload_limit import UploadLimit

HERE = Path(__file__).resolve().parent
# Messages of one visitor: so many at once, and so many a second after that.
BURST, PER_SECOND = 60, 20
_HEADERS = {
    "x-frame-options": "SAMEORIGIN",
    "content-security-policy": "frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


class Guards:
    """Refuse other hosts, say that no other site may frame a page, and slow down a flood.

    Parameters
    ----------
    app : ASGI app
        What is guarded.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass one connection on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif not hosts.is_known(Headers(scope=scope).get("host")):
            await self._refuse(scope, receive, send)
        elif scope["type"] == "http":
            await self._app(scope, receive, _with_headers(send))
        else:
            # A visitor who leaves while something is sent is no failure.
            with suppress(WebSocketDisconnect, WebSocketDisconnected):
                await self._app(scope, _slowed(receive), send)

    @staticmethod
    async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "unknown host"})
            return
        answer = PlainTextResponse(
            "This dashboard does not answer under this name. Whoever runs it can add the name: "
            "lethe dashboard --allow-host NAME\n",
            status_code=421,
        )
        await answer(scope, receive, _with_headers(send))


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent


def _slowed(receive: Receive) -> Receive:
    """Take messages of a connection no faster than they may come; none is lost."""
    left, at = float(BURST), time.monotonic()

    async def received() -> Message:
        nonlocal left, at
        message = await receive()
        now = time.monotonic()
        left, at = min(float(BURST), left + (now - at) * PER_SECOND) - 1, now
        if left < 0:
            await asyncio.sleep(-left / PER_SECOND)
        return message

    return received


@asynccontextmanager
async def _lifespan(_: Any) -> AsyncIterator[None]:
    """Open the browser once the server answers, unless it runs headless.

    Meanwhile what the pages import is imported, so that who comes first waits for none of it.
    """
    from streamlit import config

    Thread(target=_import_pages, daemon=True).start()
    if not config.get_option("server.headless"):
        host = config.get_option("browser.serverAddress")
        path = str(config.get_option("server.baseUrlPath")).strip("/")
        url = f"http://{host}:{config.get_option('server.port')}/{path}"
        asyncio.get_running_loop().run_in_executor(None, webbrowser.open, url)
    yield


def _import_pages() -> None:
    for name in ("dashboard.shell", *(f"dashboard.views.{name}" for name in pages.NAMES)):
        # The page reports what is wrong with it to whoever opens it.
        with suppress(Exception):
            import_module(name)


app = App(
    HERE / "app.py", middleware=[Middleware(Guards), Middleware(UploadLimit)], lifespan=_lifespan
)
