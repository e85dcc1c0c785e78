"""Reports of drawn sweeps; most of them without a browser, which takes a second a figure."""

from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from choreographer.browsers.chromium import Chromium

from analysis.figures import browser
from analysis.report import Written, write_report
from analysis.results import SweepResults
from analysis.store import SweepFolder

Reported = Callable[..., tuple[str, Written]]


class Page(HTMLParser):
    """The elements of a page with their attributes, and its texts, not those of scripts."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._is_read = True
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._is_read = tag not in ("script", "style")

    def handle_endtag(self, _: str) -> None:
        self._is_read = True

    def handle_data(self, data: str) -> None:
        if data.strip() and self._is_read:
            self.texts.append(" ".join(data.split()))

    def of(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [
            found
            for name, found in self.elements
            if name == tag and all(found.get(k.rstrip("_")) == v for k, v in attributes.items())
        ]

    @property
    def text(self) -> str:
        return " ".join(self.texts)


@pytest.fixture
def without_browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on which no Chrome is found."""
    own = browser.Browser()
    monkeypatch.setattr(browser, "browser", own)
    monkeypatch.setattr(Chromium, "find_browser", lambda **_options: None)
    yield
    own.close()


@pytest.fixture
def reported(request: pytest.FixtureRequest, tmp_path: Path) -> Reported:
    """Write the report of a sweep; return its page and what was written."""
    request.getfixturevalue("without_browser")

    def write(folder: SweepFolder, **options: Any) -> tuple[str, Written]:
        out = tmp_path / "reported"
        written = write_report(SweepResults(folder), out, **options)
        return written.page.read_text(encoding="utf-8"), written

    return write
