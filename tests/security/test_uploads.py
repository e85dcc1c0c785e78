"""Names and contents of uploaded files that mean harm: kept as they are, or refused in words."""

import io
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from analysis.errors import UserError
from dashboard import upload_limit
from dashboard.sweeps import uploads
from dashboard.sweeps.uploads import own_folder
from tests.dashboard.browsing import settled
from tests.dashboard.conftest import browser, chromium, context, free_port, page, serving  # noqa: F401
from tests.security.hostile import STRINGS, TEXTS
from tests.security.test_browser import check, flat, see, visit, watched  # noqa: F401
from tests.security.test_imports import rows


class File(io.BytesIO):
    def __init__(self, name: str) -> None:
        super().__init__(b"content")
        self.name = name


def everything() -> set[Path]:
    return set(own_folder().rglob("*"))


@pytest.mark.parametrize("text", [*TEXTS, "..", "."])
@pytest.mark.parametrize(
    "form", ["{}", "{}.csv", "../{}.csv", "a/{}.csv", "x.csv\0{}", "{}__seed-0.npz"]
)
def test_a_file_lies_under_its_own_name_or_nowhere(text: str, form: str) -> None:
    name, before = form.replace("{}", text), everything()
    try:
        folder = uploads.put_aside([File(name)])
    except UserError:
        assert everything() == before
        return
    assert not set(name) & set("/\\<>\"'`$|;:*?\0\n\r\t\x1b\u202e")
    assert everything() - before == {folder, folder / name}
    uploads.remove(folder)
    assert everything() == before


@pytest.fixture(scope="module")
def one_address(tmp_path_factory: pytest.TempPathFactory):
    """One dashboard for the tests that leave nothing behind."""
    with serving(tmp_path_factory.mktemp("empty"), free_port()) as (served, _):
        yield served


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path):
    """A dashboard on a cache with nothing in it."""
    if "one_address" in request.fixturenames:
        yield request.getfixturevalue("one_address")
        return
    with serving(tmp_path, free_port()) as (served, _):
        yield served


def choose(page, name: str, content: bytes) -> None:  # noqa: F811
    page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "text/csv", "buffer": content}]
    )
    page.locator("[data-testid=stCode]", has_text="analysis import ").wait_for()
    settled(page)


def name_it(page, name: str) -> None:  # noqa: F811
    field = page.get_by_role("textbox", name="Name", exact=True)
    field.fill(name)
    field.press("Enter")
    settled(page)


@pytest.mark.usefixtures("one_address")
@pytest.mark.parametrize("name", ["image", "bold", "colour", "tex", "plotly tags", "jinja"])
def test_a_hostile_name_is_told_literally(watched, address, name):  # noqa: F811
    visit(watched, address, "sweeps", part="import")
    name_it(watched, "mine")
    text = STRINGS[name].replace("/", "")
    choose(watched, f"{text}.csv", b"a,b\n")
    see(watched, f"the name of the file '{text}.csv' cannot be used")
    assert watched.get_by_role("button", name="Start", exact=True).is_disabled()
    check(watched)


def test_hostile_rows_are_imported_and_shown_as_they_are(watched, address):  # noqa: F811
    visit(watched, address, "sweeps", part="import")
    name_it(watched, "mine")
    choose(watched, "rows.csv", rows().to_csv(index=False, lineterminator="\n").encode())
    watched.get_by_role("button", name="Start", exact=True).click()
    outcome = watched.locator(".st-key-outcome")
    outcome.wait_for(timeout=60_000)
    # Columns of no use are named in the notes, by their first letters.
    see(watched, f"ignored: {STRINGS['script'][:40]}")
    check(watched)
    outcome.get_by_role("link", name="Open its Overview").click()
    watched.get_by_role("heading", name="Overview").wait_for()
    check(watched)
    watched.goto(f"{address}/gallery?sweep=mine&population=all&per_page=240")
    watched.wait_for_selector("[data-testid=gallery-tile]")
    see(watched, flat(STRINGS["image"]))
    check(watched)


def test_hostile_rows_are_refused_in_words(watched, address):  # noqa: F811
    visit(watched, address, "sweeps", part="import")
    name_it(watched, "mine")
    text = STRINGS["image"] + STRINGS["bold"] + STRINGS["colour"]
    frame = rows()
    frame.loc[frame["variant_id"] == "int8", "variant_id"] = text
    choose(watched, "rows.csv", frame.to_csv(index=False, lineterminator="\n").encode())
    watched.get_by_role("button", name="Start", exact=True).click()
    see(watched, "Nothing was imported into sweep mine.")
    see(watched, text)
    check(watched)


# A browser that sends a file to the session of its page, whether or not the page asks for one.
SEND = """async (session) => {
  const body = new FormData();
  body.append("file", new File(["a,b"], "mine.csv"));
  const token = (document.cookie.match(/_streamlit_xsrf=([^;]+)/) || ["", ""])[1];
  const sent = await fetch(`/_stcore/upload_file/${session}/one`, {
    method: "PUT", body, headers: {"X-Xsrftoken": decodeURIComponent(token)},
  });
  return sent.status;
}"""
IDENTIFIER = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.mark.parametrize(("more", "expected"), [((), 204), (("--read-only",), 413)])
def test_a_read_only_server_takes_no_file_that_no_page_asks_for(tmp_path, page, more, expected):  # noqa: F811
    seen: list[bytes] = []

    def listen(socket) -> None:
        socket.on("framereceived", lambda data: seen.extend(IDENTIFIER.findall(bytes(data))))

    page.on("websocket", listen)
    with serving(tmp_path, free_port(), *more) as (served, _):
        page.goto(f"{served}/sweeps")
        page.wait_for_selector("h1")
        settled(page)
        answers = {page.evaluate(SEND, one.decode()) for one in dict.fromkeys(seen)}
    # What is no session at all is answered otherwise.
    assert answers - {400} == {expected}


# --- all uploads together -------------------------------------------------------------------------
@pytest.fixture
def uploading(monkeypatch):
    """A server that may hold 100 bytes, of which 40 are taken; what it takes is told."""
    taken = []

    async def take(request):
        taken.append(await request.body())
        return PlainTextResponse("taken")

    place = "/_stcore/upload_file/{session}/{file}"
    limit = Middleware(upload_limit.UploadLimit, most=100)
    app = Starlette(routes=[Route(place, take, methods=["PUT", "GET"])], middleware=[limit])
    monkeypatch.setattr(upload_limit, "held", lambda: 40)
    return TestClient(app), taken


def test_a_file_is_taken_while_all_together_are_few_enough(uploading):
    client, taken = uploading
    for _ in range(2):  # what came counts no longer than it comes; what is held is counted itself
        assert client.put("/_stcore/upload_file/a/1", content=b"x" * 60).status_code == 200
    assert taken == [b"x" * 60] * 2


def test_a_file_too_much_is_refused_and_says_what_to_do(uploading):
    client, taken = uploading
    answer = client.put("/_stcore/upload_file/a/1", content=b"x" * 61)
    assert answer.status_code == 413
    assert "lethe import" in answer.text
    assert taken == []


def test_an_upload_that_does_not_say_its_length_is_refused(uploading):
    client, taken = uploading
    answer = client.put("/_stcore/upload_file/a/1", content=iter([b"x"]))
    assert answer.status_code == 411
    assert taken == []


def test_other_requests_are_passed_on(uploading):
    client, _ = uploading
    assert client.get("/_stcore/upload_file/a/1").status_code == 200


def test_what_is_held_is_what_streamlit_holds(monkeypatch):
    from streamlit.runtime import Runtime
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
    from streamlit.runtime.uploaded_file_manager import UploadedFileRec

    manager = MemoryUploadedFileManager("/_stcore/upload_file")
    for session, size in (("a", 3), ("b", 4)):
        manager.add_file(session, UploadedFileRec("1", "t.csv", "text/csv", b"x" * size))
    monkeypatch.setattr(Runtime, "exists", lambda: True)
    monkeypatch.setattr(Runtime, "instance", lambda: SimpleNamespace(uploaded_file_mgr=manager))
    assert upload_limit.held() == 7
