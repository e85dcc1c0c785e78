"""How long the first visit of every page takes after a sweep's end, in a real browser.

``python -m benchmarks.pages [--images 50000] [--cache DIR] [--read-only] [--page NAME …]`` makes a
cache as ``benchmarks.gallery`` does, with the tables that a sweep makes at its end, and opens each
page in Chromium on a server of its own: one that has shown this page of an earlier, small sweep, as
that of a user whose sweep has just ended, and one that has just been started, with nothing in its
memory. The browser has the scripts of the app. It prints the seconds from the address to
all that the page shows painted, those that the server's processor worked (which a busy machine
changes less), and the bytes that the server sent. ``--read-only`` is the mode of
the server; without it both modes are measured.
"""

import argparse
import os
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

from analysis import load_sweep
from benchmarks._caches import make_cache
from benchmarks.gallery import SWEEP, Browsing, app, found_chromium, free_port, keep_tables, made

_OTHER = "earlier"
# What each page shows, and it must all be there: tiles, figures, tables, the map's points.
_FIGURE, _TABLE = ".js-plotly-plot .main-svg", "[data-testid=stDataFrame] canvas"
_SHOWN = {
    "overview": _FIGURE, "gallery": "[data-testid=gallery-tile]", "classes": _FIGURE,
    "curves": _FIGURE, "robustness": "[data-testid=stAlert]", "compare": ".lethe-strip-tile",
    "attributes": "[data-testid=stAlert], .js-plotly-plot", "remedies": _FIGURE,
    "map": ".lethe-map[data-painted], [data-testid=stAlert]", "image": _FIGURE,
    "annotate": "[data-testid=stNumberInput]", "export": _TABLE,
    "sweeps": "[data-testid=stPopover]",
}  # fmt: skip
# What a page shows in place of its content, such as that a read-only one has no button.
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
    """Return the seconds to one page painted, the server's of processor since, megabytes sent."""
    with app(cache, port, *more) as server:
        path = f"http://127.0.0.1:{port}/{'' if page == 'overview' else page}?sweep="
        if is_running:
            _painted(browsing, f"{path}{_OTHER}", page)
            browsing.page.wait_for_timeout(1500)
            browsing.page.goto("about:blank")
        browsing.n_bytes = 0
        used, start = _processor(server.pid), time.perf_counter()
        _painted(browsing, f"{path}{SWEEP}", page)
        seconds, used = time.perf_counter() - start, _processor(server.pid) - used
        # What is computed beside the page, and drawn when it is there, counts as sent.
        browsing.page.wait_for_timeout(1500)
        browsing.page.goto("about:blank")
        return seconds, used, browsing.n_bytes / 1e6


def _painted(browsing: Browsing, url: str, page: str) -> None:
    browsing.page.goto(url)
    browsing.page.wait_for_function(_PAINTED, arg=f":is({_SHOWN[page]}, {_WORDS})", timeout=60_000)


def _processor(pid: int) -> float:
    """Return the CPU seconds that a process has used; NaN where the system does not say."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return float("nan")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages")
    parser.add_argument("--cache", type=Path, help=f"folder with a sweep '{SWEEP}' (default: made)")
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--classes", type=int, default=1_000)
    parser.add_argument("--read-only", action="store_true", help="measure this mode alone")
    parser.add_argument("--page", action="append", choices=[*_SHOWN], help="only these")
    options = parser.parse_args()
    chromium = found_chromium()
    if not chromium:
        return 3
    with tempfile.TemporaryDirectory() as temporary:
        cache = options.cache or Path(temporary)
        if not (cache / SWEEP / "manifest.json").is_file():
            made(cache, options.images, options.classes)
        keep_tables(cache)
        if not (cache / _OTHER / "manifest.json").is_file():
            make_cache(cache, n_images=240, n_classes=10, name=_OTHER)
        load_sweep(_OTHER, cache=cache).keep_tables(lambda *_: None)
        # One port for all, so that the browser's cache is of one address.
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
                    f"  {name}: {seconds:.2f} s (the server's processor {used:.2f} s), "
                    f"{sent:.2f} MB",
                    flush=True,
                )
            slowest = sorted(found, key=lambda name: -found[name][0])[:3]
            print(f"slowest: {', '.join(f'{name} {found[name][0]:.2f} s' for name in slowest)}")
        browsing.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
