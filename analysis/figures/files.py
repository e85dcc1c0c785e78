"""Figures and tables as bytes of a file: PNG, SVG, PDF, self-contained HTML, JSON and CSV."""

import asyncio
import atexit
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Literal, get_args

import pandas as pd
import plotly.graph_objects as go

from analysis.errors import LetheError
from analysis.figures.theme import dress
from analysis.store.tabular import to_csv

Format = Literal["png", "svg", "pdf", "html", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)
_WIDTH, _HEIGHT = 900, 500
_TIMEOUT = 90.0
_NO_BROWSER = (
    "a PNG, SVG or PDF of a figure needs Chrome or Chromium, and none was found: install it "
    "('apt install chromium', 'brew install --cask chromium', or run 'plotly_get_chrome'), or set "
    "BROWSER_PATH to its program; HTML and JSON work without"
)


class FigureExportError(LetheError):
    """A figure could not be written as a picture."""


def figure_bytes(figure: go.Figure, format: Format) -> bytes:
    """Return a figure on a white ground as the bytes of a file.

    Parameters
    ----------
    figure : Figure
        Left as it is; a copy gets the white ground, and a width of 900 px where it has none.
    format : {"png", "svg", "pdf", "html", "json"}
        PNG has two dots a pixel; HTML holds all it needs and opens offline.

    Raises
    ------
    FigureExportError
        No Chrome or Chromium was found, or it failed to draw.
    ValueError
        The format is another one.
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {format!r}")
    whole = dress(figure, "white")
    if format == "html":
        html = whole.to_html(include_plotlyjs=True, full_html=True, include_mathjax=False)
        return str(html).encode()
    if format == "json":
        return str(whole.to_json()).encode()
    width = whole.layout.width or _WIDTH
    height = whole.layout.height or _HEIGHT
    options = {"format": format, "width": width, "height": height}
    return _browser.draw(whole, options | {"scale": 2 if format == "png" else 1})


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return a frame as the bytes of a UTF-8 CSV file, as the command line writes it.

    Parameters
    ----------
    frame : DataFrame
        Any table.
    """
    return to_csv(frame).encode()


class _Browser:
    """One browser a process, started when the first picture is asked for and kept for the next.

    It lives on an event loop of its own, so that any thread may ask, a failure comes back as an
    error instead of a wait without end, and one that died is started again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kaleido: Any = None

    def draw(self, figure: go.Figure, options: dict[str, Any]) -> bytes:
        with self._lock:
            for attempt in (1, 2):
                fresh = self._kaleido is None
                try:
                    if fresh:
                        self._start()
                    return bytes(self._wait(self._kaleido.calc_fig(figure, opts=options)))
                except FigureExportError:
                    raise
                except Exception as error:
                    self._close()
                    if fresh or attempt == 2:
                        said = str(error) or type(error).__name__
                        raise FigureExportError(
                            f"the browser could not draw the figure: {said.splitlines()[0]}"
                        ) from error
        raise AssertionError("unreachable")

    def _wait(self, job: Coroutine[Any, Any, Any]) -> Any:
        assert self._loop is not None
        future = asyncio.run_coroutine_threadsafe(job, self._loop)
        try:
            return future.result(_TIMEOUT)
        except FutureTimeout:
            future.cancel()
            raise

    def _start(self) -> None:
        from choreographer.errors import ChromeNotFoundError
        from kaleido import Kaleido

        for name in ("kaleido", "choreographer"):
            logging.getLogger(name).setLevel(logging.ERROR)
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="figures", daemon=True).start()
            atexit.register(self.close)

        async def opened() -> Any:
            # No MathJax: it would come over the network, and no figure has formulas.
            browser = Kaleido(n=1, timeout=_TIMEOUT, mathjax=False)
            await browser.open()
            return browser

        try:
            self._kaleido = self._wait(opened())
        except ChromeNotFoundError:
            raise FigureExportError(_NO_BROWSER) from None

    def close(self) -> None:
        """End the browser; the next figure starts another."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._kaleido is None:
            return
        browser, self._kaleido = self._kaleido, None
        try:
            self._wait(browser.close())
        except Exception:
            logging.getLogger(__name__).debug("the browser did not close", exc_info=True)


_browser = _Browser()
