"""Under which names, and to which other sites, the dashboard answers: a table of each pair.

``python -m benchmarks.hosts`` starts it as a user would, on a free port of this machine, once as it
is by default and once with ``--allow-host``, asks for a page and for a connection with every pair
of Host and Origin, and prints what came back. What another site gets must be nothing.
"""

import http.client
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks._caches import make_cache, thumbnails
from benchmarks.gallery import SWEEP, app, free_port

_ALLOWED = "lab.example.org"
_HOSTS = ("127.0.0.1", "localhost", "[::1]", _ALLOWED, "10.0.0.7", "rebound.example",
          "127.0.0.1.rebound.example", "")  # fmt: skip
_OWN = ("127.0.0.1", "localhost", "[::1]")
_ORIGINS = ("", "127.0.0.1", "localhost", _ALLOWED, "rebound.example", "null")
_UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "streamlit",
}  # fmt: skip


def _asked(port: int, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """Status of one request, and whether other sites may show it in a frame."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.putrequest("GET", path, skip_host=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        framed = answer.headers.get("Content-Security-Policy", "any site")
        answer.close()
        return answer.status, framed


def rows(port: int, known: set[str]) -> Iterator[tuple[str, list[int], int]]:
    """Host, status of a page and of a connection from each origin, and how many are wrong."""
    for host in _HOSTS:
        found, wrong = list[int](), 0
        for origin in _ORIGINS:
            headers = {"Host": f"{host}:{port}" if host else ""}
            if origin:
                headers["Origin"] = f"http://{origin}:{port}" if origin != "null" else origin
            page, framed = _asked(port, "/", headers)
            connection, _ = _asked(port, "/_stcore/stream", {**headers, **_UPGRADE})
            found += [connection] if found else [page, connection]
            is_known = host in known
            is_own = origin in ("", host, *_OWN)
            wrong += (page == 200) != is_known
            wrong += (connection == 101) != (is_known and is_own)
            wrong += framed != "frame-ancestors 'self'"
        yield host, found, wrong


def main() -> int:
    """Print the table for a server as it is by default, and one that was told another name."""
    wrong = 0
    with tempfile.TemporaryDirectory() as place:
        cache = Path(place)
        make_cache(cache, n_images=200, n_classes=4, thumbnail=thumbnails(), name=SWEEP)
        for words, known in (((), {*_OWN}), (("--allow-host", _ALLOWED), {*_OWN, _ALLOWED})):
            port = free_port()
            with app(cache, port, *words):
                print(" ".join(("lethe dashboard", *words)))
                heads = ["page", *(f"from {one or 'no origin'}" for one in _ORIGINS)]
                print(f"{'Host':28}" + "".join(f"{head:>22}" for head in heads))
                for host, found, n in rows(port, known):
                    wrong += n
                    print(f"{host or '(none)':28}" + "".join(f"{one:>22}" for one in found))
    print(f"answers that are not as they should be: {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
