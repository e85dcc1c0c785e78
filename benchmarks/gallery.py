"""Speed of the gallery in a real browser, from the click to all 60 tiles painted.

``python -m benchmarks.gallery [--images 50000] [--classes 1000] [--sessions 20] [--cache DIR]``
makes a cache of random predictions with thumbnails of about 6 kB (12 variants, 30 seeds), unless
``--cache`` already holds one, starts the app on a free port of this machine, opens it in Chromium,
and prints end-to-end times, bytes, and the server's memory. With ``--sessions`` so many sessions
then use the app at once for two minutes.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from benchmarks._sessions import EVERY, Load, run_sessions

ROOT = Path(__file__).resolve().parents[1]
SWEEP = "large"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_VERSION = "document.querySelector('.lethe-gallery')?.dataset.version"
_ALL_PAINTED = f"""([n, before]) => {{
  const tiles = [...document.querySelectorAll('[data-testid=gallery-tile]')];
  return tiles.length === n && {_VERSION} !== before
    && tiles.map(t => t.querySelector('img')).every(i => !i || (i.complete && i.naturalWidth));
}}"""
_WHEN_PAINTED = f"""([n, before, click]) => new Promise(done => {{
  const painted = {_ALL_PAINTED};
  const key = {{ key: click, bubbles: true }};
  if (click.length > 1) document.querySelector(click).click();
  else if (click) document.body.dispatchEvent(new KeyboardEvent("keydown", key));
  const start = performance.now();
  const look = () => painted([n, before])
    ? requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)))
    : performance.now() - start > 20000 ? done(NaN) : requestAnimationFrame(look);
  look();
}})"""


class Browsing:
    """A browser at the gallery, with a count of received bytes."""

    def __init__(self, chromium: str) -> None:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        self.page = self._browser.new_page(viewport={"width": 1440, "height": 1000})
        self.n_bytes = 0
        self.errors: list[str] = []
        self.page.on("websocket", lambda one: one.on("framereceived", self._count))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _count(self, frame: Any) -> None:
        self.n_bytes += len(frame)

    def open(self, url: str) -> None:
        """Open the gallery and wait for its first page."""
        self.page.goto(url)
        self.page.wait_for_function(_ALL_PAINTED, arg=[60, ""], timeout=120_000)

    def step(self, click: str) -> float:
        """Click a selector's element or press a key; return the seconds to another full page."""
        before = self.page.evaluate(_VERSION)
        if click.startswith("Arrow"):  # sliders ignore synthetic keys
            arguments = [60, before, ""]
            script = f"step => {{ window.painted = ({_WHEN_PAINTED})(step); }}"
            self.page.evaluate(script, arguments)
            self.page.keyboard.press(click)
            return float(self.page.evaluate("() => window.painted")) / 1000
        seconds = float(self.page.evaluate(_WHEN_PAINTED, [60, before, click])) / 1000
        self.page.wait_for_timeout(300)
        return seconds

    def close(self) -> None:
        """Close the browser."""
        self._browser.close()
        self._playwright.stop()


def measure(browsing: Browsing, *, rounds: int) -> dict[str, list[float]]:
    """Return seconds to change the page, the population filter and the sparsity.

    Every step is timed in the browser, from the click to the frame after the last thumbnail of a
    full page is decoded.
    """
    browsing.page.wait_for_timeout(1500)
    times: dict[str, list[float]] = {"page": [], "filter": [], "sparsity": []}
    options = browsing.page.locator(".st-key-filter-population [role=radiogroup] label")
    for turn in range(rounds):
        times["page"].append(browsing.step("[data-testid=gallery-next]"))
        place = (turn + 1) % 2
        options.nth(place).evaluate("e => e.setAttribute('data-next', '1')")
        times["filter"].append(browsing.step("[data-next]"))
        options.nth(place).evaluate("e => e.removeAttribute('data-next')")
        times["sparsity"].append(browsing.step("]" if turn % 2 else "["))
    return times


_SET = ".st-key-filter-not_pie_in"
_RANGE = ".st-key-filter-range-dense_confidence input[type=range]"


def measure_filters(browsing: Browsing, url: str, *, rounds: int) -> dict[str, list[float]]:
    """Return seconds to change a range, and the filter of no PIE in another variant.

    The panel of ranges is open, so that each step also draws its histograms.
    """
    page = browsing.page
    browsing.open(f"{url}&population=all")
    page.locator(".st-key-gallery-ranges summary").click()
    page.wait_for_selector(_RANGE, state="attached", timeout=120_000)
    page.wait_for_timeout(3000)
    times: dict[str, list[float]] = {"range": [], "set": []}
    for turn in range(rounds):
        page.locator(_RANGE).first.focus()
        times["range"].append(browsing.step("ArrowLeft" if turn % 2 else "ArrowRight"))
        if turn % 2:
            chosen = page.locator(
                f"{_SET} [data-tag] button, {_SET} [data-tag] [role=button]"
            ).first
        else:
            chosen = page.get_by_role("option").filter(has_text="magnitude-0.50").first
            for _ in range(10):  # a list that opens during a rerun closes
                page.locator(f"{_SET} input").click()
                page.wait_for_timeout(500)
                if chosen.count():
                    break
        chosen.evaluate("e => e.setAttribute('data-next', '1')")
        times["set"].append(browsing.step("[data-next]"))
        page.keyboard.press("Escape")
        page.wait_for_timeout(700)
    return times


def first_page(cache: Path, chromium: str, query: str) -> tuple[float, float]:
    """Return seconds from process start to the first heading and to all tiles painted."""
    browsing = Browsing(chromium)
    port, start = free_port(), time.perf_counter()
    try:
        with app(cache, port):
            browsing.page.goto(f"http://127.0.0.1:{port}/gallery{query}")
            browsing.page.wait_for_selector("h1", timeout=60_000)
            heading = time.perf_counter() - start
            browsing.page.wait_for_function(_ALL_PAINTED, arg=[60, ""], timeout=120_000)
            return heading, time.perf_counter() - start
    finally:
        browsing.close()


@contextmanager
def app(cache: Path, port: int, *more: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the dashboard on a port of this machine; it is listening when this yields."""
    command = [sys.executable, "-m", "dashboard", "--cache", str(cache), "--port", str(port)]
    server = subprocess.Popen(
        [*command, "--headless", *more],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield server
    finally:
        server.terminate()
        server.wait(20)


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(1200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)


def memory(pid: int, name: str = "VmRSS") -> float:
    """Return a process's memory in GB from /proc; NaN if unavailable."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 / 1e9 for line in lines if line.startswith(name))
    except (OSError, StopIteration):
        return float("nan")


def _sessions(
    browsing: Browsing, port: int, query: str, options: argparse.Namespace, server: int
) -> None:
    """Measure concurrent sessions, one of them in the browser."""
    load, before = Load(), memory(server)
    last_page = max(1, options.images // 1000)

    def others() -> None:
        found = run_sessions(
            port, query, n=options.sessions - 1, seconds=options.seconds, last_page=last_page
        )
        load.seconds, load.n_bytes, load.errors = found.seconds, found.n_bytes, found.errors

    thread = Thread(target=others)
    thread.start()
    mine, halfway, end = [], before, time.perf_counter() + options.seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        mine.append(browsing.step("[data-testid=gallery-next]"))
        if start > end - options.seconds / 2 and halfway == before:
            halfway = memory(server)
        time.sleep(max(0.0, start + EVERY - time.perf_counter()))
    thread.join()
    errors = load.errors + browsing.errors
    print(
        f"{options.sessions} sessions, a step every {EVERY:.0f} s for {options.seconds:.0f} s: "
        f"the browser {_spread(mine)}; the others {_spread(load.seconds)}, "
        f"{statistics.mean(load.n_bytes or [0]) / 1e6:.2f} MB a step; "
        f"{len(load.seconds) + len(mine)} steps, {len(errors)} errors"
        + (f" (first: {errors[0]})" if errors else "")
    )
    print(
        f"server memory before, halfway and after: {before:.2f}, {halfway:.2f}, "
        f"{memory(server):.2f} GB"
    )


def _spread(seconds: list[float]) -> str:
    if not seconds:
        return "no step"
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return (
        f"median {statistics.median(ordered):.3f} s, p95 {p95:.3f} s, slowest {ordered[-1]:.3f} s"
    )


def make_sweep(folder: Path, n_images: int, n_classes: int) -> None:
    """Make the sweep and print the seconds it took."""
    from benchmarks._caches import make_cache, thumbnails

    start = time.perf_counter()
    make_cache(folder, n_images=n_images, n_classes=n_classes, thumbnail=thumbnails(), name=SWEEP)
    print(f"made {n_images:,} images x 12 variants x 30 seeds: {time.perf_counter() - start:.0f} s")


def keep_tables(cache: Path) -> None:
    """Make the tables that a sweep or an import ends with."""
    from analysis import load_sweep

    start = time.perf_counter()
    load_sweep(SWEEP, cache=cache).keep_tables(lambda *_: None)
    print(
        f"tables made, as at the end of a sweep: {time.perf_counter() - start:.0f} s, "
        f"{memory(os.getpid(), 'VmHWM'):.1f} GB"
    )


def _run(cache: Path, chromium: str, options: argparse.Namespace) -> None:
    query = f"?sweep={SWEEP}"
    found = [first_page(cache, chromium, query) for _ in range(options.starts)]
    for name, place in (("first heading", 0), ("first page painted", 1)):
        seconds = [one[place] for one in found]
        print(
            f"{name} after process start: first {seconds[0]:.2f} s, "
            f"then {statistics.median(seconds[1:] or seconds):.2f} s"
        )
    port, browsing = free_port(), Browsing(chromium)
    try:
        with app(cache, port) as server:
            browsing.open(f"http://127.0.0.1:{port}/gallery{query}")
            browsing.n_bytes = 0
            times = measure(browsing, rounds=options.rounds)
            address = f"http://127.0.0.1:{port}/gallery{query}"
            times |= measure_filters(browsing, address, rounds=options.rounds)
            for name, seconds in times.items():
                print(f"{name} change to 60 tiles painted: {_spread(seconds)}")
            steps = sum(map(len, times.values()))
            print(f"sent to the browser: {browsing.n_bytes / steps / 1e6:.2f} MB a step")
            if options.sessions:
                _sessions(browsing, port, query[1:], options, server.pid)
            print(f"server memory at most: {memory(server.pid, 'VmHWM'):.2f} GB")
    finally:
        browsing.close()


def find_chromium() -> str:
    """Return the path of Chromium, or exit with status 3."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if program := os.environ.get("LETHE_CHROMIUM") or found:
        return program
    print("no Chromium; set LETHE_CHROMIUM to its program", file=sys.stderr)
    sys.exit(3)


def base_parser(benchmark: str) -> argparse.ArgumentParser:
    """Return a parser of the options that all browser benchmarks share."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{benchmark}")
    parser.add_argument("--cache", type=Path, help=f"folder with a sweep '{SWEEP}' (default: made)")
    parser.add_argument("--images", type=int, default=50_000)
    return parser


@contextmanager
def prepared_cache(folder: Path | None, make: Callable[[Path], None]) -> Iterator[Path]:
    """Yield a folder with the sweep, temporary by default; make the sweep unless it exists."""
    with tempfile.TemporaryDirectory() as temporary:
        cache = folder or Path(temporary)
        if not (cache / SWEEP / "manifest.json").is_file():
            make(cache)
        yield cache


def main() -> int:
    """Measure and print."""
    parser = base_parser("gallery")
    parser.add_argument("--classes", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=20, help="page and filter changes, each")
    parser.add_argument("--starts", type=int, default=3, help="starts of the app")
    parser.add_argument("--sessions", type=int, default=0, help="then, so many sessions at once")
    parser.add_argument("--seconds", type=float, default=120.0, help="for how long")
    options = parser.parse_args()
    chromium = find_chromium()
    make = partial(make_sweep, n_images=options.images, n_classes=options.classes)
    with prepared_cache(options.cache, make) as cache:
        keep_tables(cache)
        _run(cache, chromium, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
