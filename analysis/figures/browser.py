"""A browser session that renders figures as SVG, and any SVG as PNG or PDF."""

import asyncio
import atexit
import base64
import logging
import math
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import TimeoutError as FutureTimeout
from functools import cache
from pathlib import Path
from typing import Any, Literal

import plotly.graph_objects as go

from analysis.errors import LetheError

TIMEOUT = 90.0
_FONT = Path(__file__).parent / "fonts" / "Inter.woff2"
_INCH = 96.0
_NO_BROWSER = (
    "a PNG, SVG or PDF of a figure needs Chrome or Chromium, and none was found: install it "
    "('apt install chromium', 'brew install --cask chromium', or run 'plotly_get_chrome'), or set "
    "BROWSER_PATH to its program; HTML and JSON work without"
)
# A picture can load nothing from the network, whatever it contains.
_PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><meta http-equiv=\
"Content-Security-Policy" content="default-src 'none'; img-src data:; font-src data:; \
style-src 'unsafe-inline'"><style>{font}html,body{{margin:0;padding:0;background:#fff}}\
svg{{display:block}}@page{{margin:0;size:{width}px {height}px}}</style></head>\
<body>{svg}</body></html>"""


class FigureExportError(LetheError):
    """A figure could not be written as a picture."""


@cache
def font_face() -> str:
    """Return the style sheet that embeds the font of the figures."""
    content = base64.b64encode(_FONT.read_bytes()).decode("ascii")
    return f'@font-face{{font-family:"Inter";src:url(data:font/woff2;base64,{content})}}'


class Browser:
    """One browser per process, started for the first picture and kept for the next.

    It runs on an event loop of its own, so that any thread can use it, failures raise instead of
    blocking forever, and a browser that died is restarted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kaleido: Any = None
        self._tab: Any = None

    def svg(self, figure: go.Figure, width: float, height: float) -> bytes:
        """Draw a figure as SVG.

        Parameters
        ----------
        figure : Figure
            The figure, dressed for its ground.
        width, height : float
            Its size, pixels.
        """
        options = {"format": "svg", "width": width, "height": height}
        return self._tried(lambda kaleido: kaleido.calc_fig(figure, opts=options))

    def picture(
        self, svg: str, format: Literal["png", "pdf"], width: float, height: float, scale: float
    ) -> bytes:
        """Draw an SVG as PNG or as a PDF of one page.

        Parameters
        ----------
        svg : str
            Markup of the picture, of that size.
        format : {"png", "pdf"}
            Format of the result.
        width, height : float
            Its size, CSS pixels.
        scale : float
            Dots per pixel of a PNG.
        """
        page = _PAGE.format(font=font_face(), width=width, height=height, svg=svg)

        async def pictured(kaleido: Any) -> bytes:
            # All pictures share one tab, each as a new document.
            self._tab = self._tab or await kaleido.create_tab(url="")
            return await _drawn(self._tab, page, format, width, height, scale)

        return self._tried(pictured)

    def _tried(self, job: Callable[[Any], Awaitable[Any]]) -> bytes:
        with self._lock:
            for attempt in (1, 2):
                fresh = self._kaleido is None
                try:
                    if fresh:
                        self._start()

                    async def run() -> Any:
                        return await job(self._kaleido)

                    return bytes(self._wait(run()))
                except FigureExportError:
                    raise
                except Exception as error:
                    self._close()
                    if fresh or attempt == 2:
                        reason = str(error) or type(error).__name__
                        raise FigureExportError(
                            f"the browser could not draw the figure: {reason.splitlines()[0]}"
                        ) from error
        raise AssertionError("unreachable")

    def _wait(self, job: Coroutine[Any, Any, Any]) -> Any:
        assert self._loop is not None
        future = asyncio.run_coroutine_threadsafe(job, self._loop)
        try:
            return future.result(TIMEOUT)
        except FutureTimeout:
            future.cancel()
            raise

    def _start(self) -> None:
        from choreographer.errors import ChromeNotFoundError
        from kaleido import Kaleido

        class Kept(Kaleido):
            """Keep Plotly's page loaded for the next figure, which is faster than reloading it."""

            async def _return_kaleido_tab(self, tab: Any) -> None:
                await self.tabs_ready.put(tab)

        for name in ("kaleido", "choreographer"):
            logging.getLogger(name).setLevel(logging.ERROR)
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="figures", daemon=True).start()
            atexit.register(self.close)

        async def opened() -> Any:
            browser = Kept(n=1, timeout=TIMEOUT, page_generator=_Page())
            await browser.open()
            return browser

        try:
            self._kaleido = self._wait(opened())
        except ChromeNotFoundError:
            raise FigureExportError(_NO_BROWSER) from None

    def close(self) -> None:
        """Close the browser; the next figure starts another."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._kaleido is None:
            return
        browser, self._kaleido, self._tab = self._kaleido, None, None
        try:
            self._wait(browser.close())
        except Exception:
            logging.getLogger(__name__).debug("the browser did not close", exc_info=True)


class _Page:
    """The page that Plotly draws on, with the font, so that text is measured as it is drawn."""

    def generate_index(self) -> str:
        from kaleido._page_generator import PageGenerator

        # No MathJax, which would be loaded from the network: no figure has formulas.
        page = PageGenerator(mathjax=False).generate_index()
        shown = '<p style="font-family:Inter;position:absolute;opacity:0">→ 0</p>'
        styled = page.replace("</title>", f"</title><style>{font_face()}</style>", 1)
        return styled.replace("<img id=", f"{shown}<img id=", 1)


async def _drawn(
    tab: Any, page: str, format: str, width: float, height: float, scale: float
) -> bytes:
    async def ask(command: str, **params: Any) -> dict[str, Any]:
        answer = await tab.send_command(command, params=params)
        if "error" in answer:
            raise RuntimeError(str(answer["error"].get("message", command)))
        result: dict[str, Any] = answer["result"]
        return result

    await ask("Page.enable")
    await ask("Page.navigate", url="about:blank")
    frame = (await ask("Page.getFrameTree"))["frameTree"]["frame"]["id"]
    await ask(
        "Emulation.setDeviceMetricsOverride", width=math.ceil(width), height=math.ceil(height),
        deviceScaleFactor=scale, mobile=False,
    )  # fmt: skip
    await ask("Page.setDocumentContent", frameId=frame, html=page)
    await ask(
        "Runtime.evaluate", awaitPromise=True,
        expression="document.fonts.ready.then(() => Promise.all("
        "[...document.images, ...document.querySelectorAll('image')].map(one => "
        "one.decode ? one.decode().catch(() => null) : null))).then(() => true)",
    )  # fmt: skip
    if format == "pdf":
        printed = await ask(
            "Page.printToPDF", printBackground=True, marginTop=0, marginBottom=0, marginLeft=0,
            marginRight=0, paperWidth=width / _INCH, paperHeight=height / _INCH,
            preferCSSPageSize=False, pageRanges="1",
        )  # fmt: skip
        return base64.b64decode(printed["data"])
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    shot = await ask("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
    return base64.b64decode(shot["data"])


browser = Browser()
