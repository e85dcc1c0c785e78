"""``python -m dashboard``: run the app on this machine, with ``--demo`` make the demo sweep."""

import argparse
import errno
import ipaddress
import os
import signal
import socket
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from analysis.errors import LetheError
from dashboard import hosts, permissions

HERE = Path(__file__).resolve().parent
ADDRESS = "127.0.0.1"
_PROGRAM = "python -m dashboard"
# Training takes every core, and the first page needs one until it stands.
DEMO_DELAY = 2.5


def main(arguments: Sequence[str] | None = None, program: str = _PROGRAM) -> int:
    """Start the app, called by the name of its program; return when it ends."""
    options = _parser(program).parse_args(arguments)
    try:
        return _serve(options)
    except KeyboardInterrupt:
        return 0


def _serve(options: argparse.Namespace) -> int:
    if not 1 <= options.port <= 65_535:
        return _refuse(f"--port {options.port}: expected a number from 1 to 65535")
    problem = _why_not_bindable(options.address, options.port)
    if problem is not None:
        return _refuse(problem)
    if "://" in options.cache:
        return _refuse_unreachable(options.cache) or _open(options)
    cache = Path(options.cache)
    if cache.exists() and not cache.is_dir():
        return _refuse(f"--cache {cache}: this is a file; expected a folder")
    return _open(options)


def _refuse_unreachable(cache: str) -> int:
    """Say why a remote cache cannot be used; 0 where it can."""
    from analysis.filesystem import RemotePath, location

    try:
        place = location(cache)
        if isinstance(place, RemotePath):
            place.exists()
    except LetheError as error:
        return _refuse(f"--cache {error}", error.exit_status)
    return 0


def _open(options: argparse.Namespace) -> int:
    os.environ["LETHE_CACHE"] = options.cache
    permissions.declare(read_only=options.read_only)

    try:
        hosts.declare(hosts.known(options.address, options.public_host, options.allow_host))
    except LetheError as error:
        return _refuse(str(error), error.exit_status)

    from streamlit.web import bootstrap

    flags = dict(_settings(HERE / ".streamlit" / "config.toml"))
    flags |= _addresses(options) | {
        "server.port": options.port,
        "server.headless": options.headless,
        "server.allowedHosts": hosts.for_streamlit(),
        "secrets.files": _secrets_files(),
    }
    if options.read_only:
        # No page asks for a file then, and nobody may fill the memory by asking without a page.
        flags["server.maxUploadSize"] = 0
    bootstrap.load_config_options(flags)
    try:
        permissions.declare(read_only=options.read_only, alone=_is_alone(options))
        warning = _warning(options)
    except LetheError as error:
        return _refuse(str(error), error.exit_status)
    if warning is not None:
        print(f"python -m dashboard: warning: {warning}", file=sys.stderr, flush=True)
    # Streamlit's own welcome is off: it advertises, on the terminal and over the page.
    print(f"Lethe is at {_url(options)} (Ctrl-C ends it)", flush=True)
    # The server ends by raising the signal again that ended it; what was started ends with it.
    signal.signal(signal.SIGTERM, _stop)
    with _sweeps_beside(options.cache, with_demo=options.demo and not options.read_only):
        bootstrap.run_asgi_app(str(HERE / "app.py"), "dashboard.server:app", [], flags)
    return 0


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt


@contextmanager
def _sweeps_beside(cache: str, *, with_demo: bool) -> Iterator[None]:
    """Make the demo sweep with ``--demo`` while the app runs; stop it when the app ends."""
    from dashboard.sweeps import launch

    if with_demo:
        launch.start_demo_soon(cache, DEMO_DELAY)
    try:
        yield
    finally:
        launch.stop_all()


def _parser(program: str = _PROGRAM) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program, description="Open the dashboard of Lethe in the browser."
    )
    default = os.environ.get("LETHE_CACHE") or "cache"
    parser.add_argument(
        "--cache",
        default=default,
        metavar="DIR",
        help="folder of sweeps, or its fsspec URL (default: %(default)s)",
    )
    parser.add_argument("--port", type=int, default=8501, help="port (default: %(default)s)")
    parser.add_argument(
        "--address",
        default=ADDRESS,
        metavar="HOST",
        help="address to listen at; 0.0.0.0 lets other machines in (default: %(default)s; "
        "docs/serving.md)",
    )
    parser.add_argument(
        "--public-host",
        metavar="HOST",
        help="name under which browsers reach it, behind a proxy or with --address 0.0.0.0 "
        "(default: this machine's name)",
    )
    parser.add_argument(
        "--allow-host",
        metavar="HOST",
        action="append",
        default=[],
        help="another name that it answers under, *.HOST for those below (repeatable); pages under "
        "unknown names are refused",
    )
    parser.add_argument(
        "--base-path", metavar="PATH", help="path below which a proxy serves it, such as /lethe"
    )
    parser.add_argument("--headless", action="store_true", help="do not open the browser")
    parser.add_argument("--read-only", action="store_true", help="write nothing to the cache")
    parser.add_argument(
        "--demo",
        action="store_true",
        help="make the demo sweep beside the app where the cache holds no sweep yet, and finish it "
        "where it was cut off",
    )
    return parser


def _settings(path: Path) -> Iterator[tuple[str, Any]]:
    """Read Streamlit's settings beside the app, wherever it is started from."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        yield from _flat(tomllib.load(file))


def _flat(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _addresses(options: argparse.Namespace) -> dict[str, Any]:
    """Where to listen, and as whom browsers may know this machine: others are turned away."""
    found: dict[str, Any] = {"server.address": options.address}
    if options.public_host:
        found["browser.serverAddress"] = options.public_host
    elif not _is_own(options.address):
        everywhere = options.address in hosts.EVERYWHERE
        found["browser.serverAddress"] = socket.gethostname() if everywhere else options.address
    if options.base_path:
        found["server.baseUrlPath"] = options.base_path.strip("/")
    return found


def _secrets_files() -> list[str]:
    """Streamlit's places of secrets, and the project's own wherever the app is started from."""
    folders = dict.fromkeys((Path.home(), Path.cwd(), HERE.parent))
    return [str(folder / ".streamlit" / "secrets.toml") for folder in folders]


def _warning(options: argparse.Namespace) -> str | None:
    """Say what others could do that reach this address; None where that is little."""
    from dashboard import sign_in

    if sign_in.is_required() or _is_own(options.address):
        return None
    if options.read_only:
        return None
    return (
        f"whoever reaches {options.address}:{options.port} can start sweeps and change tags; add "
        "--read-only, or a sign-in (docs/serving.md)"
    )


def _is_alone(options: argparse.Namespace) -> bool:
    """Whether nobody but this machine is meant to come: no other address, name, origin, account."""
    from streamlit import config

    from dashboard import sign_in

    is_passed_on = (options.public_host and not _is_own(options.public_host)) or options.base_path
    is_shut = config.get_option("server.enableCORS") and not config.get_option(
        "server.corsAllowedOrigins"
    )
    return bool(
        _is_own(options.address) and not is_passed_on and is_shut and not sign_in.is_required()
    )


def _is_own(address: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _url(options: argparse.Namespace) -> str:
    host = f"[{options.address}]" if ":" in options.address else options.address
    path = f"/{options.base_path.strip('/')}" if options.base_path else ""
    return f"http://{host}:{options.port}{path}"


def _why_not_bindable(address: str, port: int) -> str | None:
    """Say why nobody can listen at an address; None where that is possible."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        return f"--address {address}: there is no such address"
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"port {port} is in use; choose another with --port"
            return f"--address {address}, --port {port}: {error.strerror or error}"
    return None


def _refuse(message: str, status: int = 2) -> int:
    print(f"python -m dashboard: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
