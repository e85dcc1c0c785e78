"""Time of the first visit to every page after a sweep's end, in a real browser.

``python -m benchmarks.pages [--images 50000] [--cache DIR] [--read-only] [--page NAME …]`` makes a
cache as ``benchmarks.gallery`` does, with the tables that a sweep ends with, and opens each page in
Chromium on its own server: once on a server that has shown this page of an earlier, small sweep,
like that of a user whose sweep has just ended, and once on a new server. The browser has cached the
app's scripts. It prints the seconds until all of the page is painted, the server's CPU seconds
(which depend less on other load), and the bytes sent. With ``--read-only`` only the read-only
server is measured, otherwise both modes.
"""

import os
import sys
import time
from functools import partial
from itertools import product
from pathlib import Path

from analysis import load_sweep
from benchmarks._caches import make_cache
from benchmarks.gallery import (
    SWEEP,
    Browsing,
    app,
    base_parser,
    find_chromium,
    free_port,
    keep_tables,
    make_sweep,
    prepared_cache,
)  # fmt: skip

_OTHER = "earlier"
# The content that each page must show: tiles, figures, tables, the map's points.
_FIGURE, _TABLE = ".js-plotly-plot .main-svg", "[data-testid=stDataFrame] canvas"
_SHOWN = {
    "overview": _FIGURE, "gallery": "[data-testid=gallery-tile]", "classes": _FIGURE,
    "curves": _FIGURE, "robustness": "[data-testid=stAlert]", "compare": ".lethe-strip-tile",
    "attributes": "[data-testid=stAlert], .js-plotly-plot", "remedies": _FIGURE,
    "map": ".lethe-map[data-painted], [data-testid=stAlert]", "image": _FIGURE,
    "annotate": "[data-testid=stNumberInput]", "export": _TABLE,
    "sweeps": "[data-testid=stPopover]",
}  # fmt: skip
# A message in place of the content, such as that a read-only server has no button.
_WORDS = "[data-testid=stAlert], [data-testid=stMain] [data-testid=stCaptionContainer]"
_PAINTED = """(shown) => {
  const app = document.querySelector('[data-testid=stApp]');
  return app?.dataset.testScriptState === 'notRunning' && document.querySelector(shown)
    && !document.querySelector('[data-testid=stSkeleton], [data-stale=true]')
    && [...document.images].every((one) => one.complete);
}"""


def first_visit(
    browsing: Browsing, cache: Path, port: int, page: str, *more: str, is_running: bool = False
) -> tuple[float, float, float]:
    """Return the seconds until a page is painted, the server's CPU seconds, and MB sent."""
    with app(cache, port, *more) as server:
        path = f"http://127.0.0.1:{port}/{'' if page == 'overview' else page}?sweep="
        if is_running:
            _painted(browsing, f"{path}{_OTHER}", page)
            browsing.page.wait_for_timeout(1500)
            browsing.page.goto("about:blank")
        browsing.n_bytes = 0
        used, start = _cpu_seconds(server.pid), time.perf_counter()
        _painted(browsing, f"{path}{SWEEP}", page)
        seconds, used = time.perf_counter() - start, _cpu_seconds(server.pid) - used
        # Content that arrives later, computed in the background, counts as sent.
        browsing.page.wait_for_timeout(1500)
        browsing.page.goto("about:blank")
        return seconds, used, browsing.n_bytes / 1e6


def _painted(browsing: Browsing, url: str, page: str) -> None:
    browsing.page.goto(url)
    browsing.page.wait_for_function(_PAINTED, arg=f":is({_SHOWN[page]}, {_WORDS})", timeout=60_000)


def _cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process from /proc; NaN if unavailable."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return float("nan")


def main() -> int:
    """Measure and print."""
    parser = base_parser("pages")
    parser.add_argument("--classes", type=int, default=1_000)
    parser.add_argument("--read-only", action="store_true", help="measure only this mode")
    parser.add_argument("--page", action="append", choices=[*_SHOWN], help="only these")
    options = parser.parse_args()
    chromium = find_chromium()
    make = partial(make_sweep, n_images=options.images, n_classes=options.classes)
    with prepared_cache(options.cache, make) as cache:
        keep_tables(cache)
        if not (cache / _OTHER / "manifest.json").is_file():
            make_cache(cache, n_images=240, n_classes=10, name=_OTHER)
        load_sweep(_OTHER, cache=cache).keep_tables(lambda *_: None)
        # One port for all, so that the browser's cache stays valid.
        browsing, port = Browsing(chromium), free_port()
        first_visit(browsing, cache, port, "sweeps")
        modes = ("--read-only",) if options.read_only else ("", "--read-only")
        for is_running, mode in product((True, False), modes):
            more = (mode,) if mode else ()
            state = "running" if is_running else "just started"
            print(f"first visit of each page, server {state}{' ' + mode if mode else ''}:")
            found = {}
            for name in options.page or [*_SHOWN]:
                found[name] = first_visit(browsing, cache, port, name, *more, is_running=is_running)
                seconds, used, sent = found[name]
                print(
                    f"  {name}: {seconds:.2f} s (the server's CPU {used:.2f} s), {sent:.2f} MB",
                    flush=True,
                )
            slowest = sorted(found, key=lambda name: -found[name][0])[:3]
            print(f"slowest: {', '.join(f'{name} {found[name][0]:.2f} s' for name in slowest)}")
        browsing.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
