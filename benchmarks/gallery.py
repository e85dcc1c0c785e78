"""How fast the dashboard is in a real browser: first heading, and a change to all tiles painted.

``python -m benchmarks.gallery [--cache DIR] [--sweep NAME]`` starts the app on a free port of this
machine, opens it in Chromium and prints the medians. Without ``--cache`` it makes a synthetic sweep
of 3,000 images x 6 variants x 10 seeds in a temporary folder.
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
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_ALL_PAINTED = """([n, first]) => {
  const tiles = [...document.querySelectorAll('[data-testid=gallery-tile]')];
  return tiles.length === n && tiles[0].dataset.imageId !== first
    && tiles.every(t => { const i = t.querySelector('img'); return i.complete && i.naturalWidth; });
}"""
_WHEN_PAINTED = f"""([n, first, click]) => new Promise(done => {{
  const painted = {_ALL_PAINTED};
  document.querySelector(click).click();
  const start = performance.now();
  const look = () => painted([n, first])
    ? requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)))
    : performance.now() - start > 20000 ? done(NaN) : requestAnimationFrame(look);
  look();
}})"""


def measure(url: str, *, chromium: str, rounds: int = 15) -> dict[str, list[float]]:
    """Return seconds of each step: page changes, and changes of the population filter.

    Every step is timed in the page, from the click to the frame after the last thumbnail of a full
    page was decoded.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(url)
        page.wait_for_function(_ALL_PAINTED, arg=[60, ""], timeout=120_000)
        page.wait_for_timeout(1500)
        times: dict[str, list[float]] = {"page": [], "filter": []}
        options = page.locator(".st-key-filter-population [role=radiogroup] label")
        for turn in range(rounds):
            times["page"].append(_step(page, "[data-testid=gallery-next]"))
            place = (turn + 1) % 2
            options.nth(place).evaluate("e => e.setAttribute('data-next', '1')")
            times["filter"].append(_step(page, "[data-next]"))
            options.nth(place).evaluate("e => e.removeAttribute('data-next')")
        browser.close()
    return times


def _step(page: Any, click: str) -> float:
    first = page.get_attribute("[data-testid=gallery-tile]", "data-image-id")
    seconds = float(page.evaluate(_WHEN_PAINTED, [60, first, click])) / 1000
    page.wait_for_timeout(300)
    return seconds


def first_heading(cache: Path, chromium: str) -> float:
    """Return the seconds from starting the process to the first heading in a waiting browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page()
        port = free_port()
        start = time.perf_counter()
        server = start_app(cache, port)
        try:
            _wait_for(port)
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_selector("h1", timeout=60_000)
            return time.perf_counter() - start
        finally:
            server.terminate()
            server.wait(20)
            browser.close()


def start_app(cache: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the dashboard on a port of this machine."""
    command = [sys.executable, "-m", "dashboard", "--cache", str(cache), "--port", str(port)]
    return subprocess.Popen(
        [*command, "--headless"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _made(folder: Path) -> str:
    from tests.synthetic import make_sweep

    variants = ("magnitude=0.3,0.5,0.7,0.9", "int8-static", "int8-dynamic")
    names = [f"class {i}" for i in range(10)]
    make_sweep(folder, n_images=3000, seeds=10, variants=variants, class_names=names)
    return "made"


def main() -> int:
    """Measure and print the medians."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery")
    parser.add_argument("--cache", type=Path, help="folder of the sweeps (default: a made one)")
    parser.add_argument("--sweep", help="sweep to open (default: the first complete one)")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    chromium = os.environ.get("LETHE_CHROMIUM") or shutil.which("chromium") or ""
    chromium = chromium or shutil.which("google-chrome") or ""
    if not chromium:
        print("no Chromium found; set LETHE_CHROMIUM to its program", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as temporary:
        cache = options.cache or Path(temporary)
        sweep = options.sweep if options.cache else _made(cache)
        headings = [first_heading(cache, chromium) for _ in range(3)]
        print(f"first heading after process start: {statistics.median(headings):.2f} s")
        port = free_port()
        server = start_app(cache, port)
        try:
            _wait_for(port)
            query = f"?sweep={sweep}" if sweep else ""
            url = f"http://127.0.0.1:{port}/gallery{query}"
            for name, times in measure(url, chromium=chromium, rounds=options.rounds).items():
                slow = max(times)
                print(
                    f"{name} change to 60 tiles painted: median {statistics.median(times):.3f} s, "
                    f"slowest {slow:.3f} s"
                )
        finally:
            server.terminate()
            server.wait(20)
    return 0


def _wait_for(port: int) -> None:
    for _ in range(1200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
