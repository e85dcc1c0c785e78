"""Host names and origins that the dashboard accepts: a table of each pair.

``python -m benchmarks.hosts`` starts it on a free port of this machine, by default and with
``--allow-host``, requests a page and a connection with every pair of Host and Origin, and prints
the answers. Another site must get nothing.
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


def _request(port: int, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """Send a request; return its status and the sites that may show it in a frame."""
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
    """Yield a host, the statuses of a page and of connections by origin, and the wrong ones."""
    for host in _HOSTS:
        statuses, wrong = list[int](), 0
        for origin in _ORIGINS:
            headers = {"Host": f"{host}:{port}" if host else ""}
            if origin:
                headers["Origin"] = f"http://{origin}:{port}" if origin != "null" else origin
            page, framed = _request(port, "/", headers)
            connection, _ = _request(port, "/_stcore/stream", {**headers, **_UPGRADE})
            statuses += [connection] if statuses else [page, connection]
            is_known = host in known
            is_own = origin in ("", host, *_OWN)
            wrong += (page == 200) != is_known
            wrong += (connection == 101) != (is_known and is_own)
            wrong += framed != "frame-ancestors 'self'"
        yield host, statuses, wrong


def main() -> int:
    """Print the table for a default server, and for one that allows another name."""
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
                for host, statuses, n in rows(port, known):
                    wrong += n
                    print(f"{host or '(none)':28}" + "".join(f"{one:>22}" for one in statuses))
    print(f"wrong answers: {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
