"""Under which names the dashboard answers, and what its answers forbid."""

import asyncio
import http.client
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from analysis.errors import UserError
from dashboard import hosts, permissions, server
from tests.dashboard.conftest import free_port, serving
from tests.synthetic import make_sweep


@pytest.fixture
def told(monkeypatch):
    """Say which names are known, and forget them after the test."""

    def tell(address="127.0.0.1", public=None, more=()):
        monkeypatch.setenv("LETHE_HOSTS", ",".join(hosts.known(address, public, more)))

    return tell


@pytest.mark.parametrize("header", ["127.0.0.1:8501", "localhost", "LOCALHOST:1", "[::1]:8501"])
def test_this_machine_is_known(told, header):
    told()
    assert hosts.is_known(header)


@pytest.mark.parametrize(
    "header",
    ["evil.example", "evil.example:8501", "localhost.evil.example", "10.0.0.7", "", None, "[::2]:1",
     "127.0.0.1.evil.example", "localhost@evil.example"],
)  # fmt: skip
def test_other_names_are_not(told, header):
    told()
    assert not hosts.is_known(header)


def test_names_that_were_told_are_known(told):
    told("192.0.2.7", "lethe.example.org", ["lab.example.org", "*.dept.example.org"])
    for name in ("192.0.2.7:80", "lethe.example.org", "lab.example.org:1", "a.dept.example.org"):
        assert hosts.is_known(name)
    assert not hosts.is_known("dept.example.org")
    assert not hosts.is_known("xdept.example.org")
    assert hosts.for_streamlit()[-2:] == ["lab.example.org", "*.dept.example.org"]


def test_at_every_address_numbers_are_known_and_foreign_names_not(told):
    told("0.0.0.0")
    assert hosts.is_known("192.0.2.7:8501")
    assert hosts.is_known("[2001:db8::1]:8501")
    assert not hosts.is_known("evil.example")
    assert hosts.for_streamlit() == []


@pytest.mark.parametrize("name", ["", "a b", "https://x", "x:80", "a,b", " x"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(UserError, match="--allow-host"):
        hosts.known("127.0.0.1", None, [name])


def client():
    async def page(_):
        return PlainTextResponse("page")

    async def echo(websocket):
        await websocket.accept()
        for _ in range(3):
            await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    routes = [Route("/", page), WebSocketRoute("/echo", echo)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(server.Guards)]))


def test_pages_may_not_be_framed_by_others(told):
    told()
    answer = client().get("/", headers={"host": "localhost"})
    assert answer.text == "page"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["content-security-policy"] == "frame-ancestors 'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_unknown_host_gets_no_page_and_no_connection(told):
    told()
    answer = client().get("/", headers={"host": "evil.example"})
    assert answer.status_code == 421
    assert "--allow-host" in answer.text
    with (
        pytest.raises(WebSocketDisconnect),
        client().websocket_connect("/echo", headers={"host": "evil.example"}),
    ):
        pass


def test_a_known_host_is_connected(told):
    told()
    with client().websocket_connect("/echo", headers={"host": "127.0.0.1"}) as connection:
        for text in "abc":
            connection.send_text(text)
            assert connection.receive_text() == text


def test_a_flood_is_slowed_and_no_message_lost(monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(server.asyncio, "sleep", sleep)
    monkeypatch.setattr(server.time, "monotonic", lambda: 0.0)
    numbers = iter(range(server.BURST + 3))

    async def receive():
        return {"number": next(numbers)}

    async def all_of():
        slowed = server._slowed(receive)
        return [(await slowed())["number"] for _ in range(server.BURST + 3)]

    assert asyncio.run(all_of()) == list(range(server.BURST + 3))
    assert slept == [n / server.PER_SECOND for n in (1, 2, 3)]


def test_the_server_refuses_other_names(tmp_path: Path):
    make_sweep(tmp_path, n_images=20, seeds=1)
    with serving(tmp_path, free_port(), "--allow-host", "lab.example.org") as (address, _):
        place = urlsplit(address).netloc

        def asked(host, path="/", **headers):
            with closing(http.client.HTTPConnection(place, timeout=60)) as connection:
                connection.request("GET", path, headers={"Host": host, **headers})
                answer = connection.getresponse()
                answer.close()
                return answer

        assert asked(place).status == 200
        assert asked("lab.example.org").headers["x-frame-options"] == "SAMEORIGIN"
        assert asked("evil.example").status == 421
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
        assert asked("evil.example", "/_stcore/stream", **upgrade).status == 403
        origin = {"Origin": "http://evil.example"}
        assert asked(place, "/_stcore/stream", **upgrade, **origin).status == 403


class _Visitor:
    """What Streamlit knows of who looks."""

    def __init__(self, headers):
        self.headers = headers


@pytest.mark.parametrize(
    ("headers", "may"),
    [({"host": "localhost:8501"}, True), ({"host": "evil.example"}, False), ({}, True)],
)
def test_what_writes_asks_under_which_name_the_page_is_seen(told, monkeypatch, headers, may):
    told()
    monkeypatch.setattr(
        "streamlit.runtime.scriptrunner.get_script_run_ctx",
        lambda **_: SimpleNamespace(session_id="a page's run"),
    )
    monkeypatch.setattr("streamlit.context", _Visitor(headers))
    if may:
        permissions.check("start sweeps")
        return
    with pytest.raises(UserError, match="does not start sweeps under this name"):
        permissions.check("start sweeps")


def test_what_the_server_starts_by_itself_needs_no_page(told):
    told()
    permissions.check("start sweeps")
