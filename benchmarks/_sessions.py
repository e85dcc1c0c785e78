"""Load on the dashboard without browsers, by Streamlit's protocol over a web socket.

Every step requests a page of the gallery by its address, which runs the whole script; in a browser
a step runs only the gallery's fragment. So these sessions load the server more than users do.
"""

import asyncio
import random
import time
from dataclasses import dataclass, field

EVERY = 5.0


@dataclass
class Load:
    """Measurements of sessions: seconds and bytes of every step, and errors."""

    seconds: list[float] = field(default_factory=list)
    n_bytes: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def run_sessions(port: int, query: str, *, n: int, seconds: float, last_page: int) -> Load:
    """Open ``n`` sessions that each visit a random page of the gallery every five seconds."""
    load = Load()

    async def all_of_them() -> None:
        await asyncio.gather(
            *(_session(port, query, i, n, seconds, last_page, load) for i in range(n))
        )

    asyncio.run(all_of_them())
    return load


async def _session(
    port: int, query: str, number: int, n: int, seconds: float, last_page: int, load: Load
) -> None:
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    from websockets.asyncio.client import connect

    pages = random.Random(number)
    await asyncio.sleep(EVERY * number / n)
    end = time.perf_counter() + seconds
    try:
        async with connect(
            f"ws://127.0.0.1:{port}/_stcore/stream",
            subprotocols=["streamlit"],  # type: ignore[list-item]
            max_size=None,
            compression=None,
        ) as socket:
            while time.perf_counter() < end:
                start = time.perf_counter()
                request = BackMsg()
                request.rerun_script.query_string = f"{query}&page={pages.randint(1, last_page)}"
                request.rerun_script.page_name = "gallery"
                await socket.send(request.SerializeToString())
                n_bytes = 0
                while True:
                    received = await asyncio.wait_for(socket.recv(), 60)
                    assert isinstance(received, bytes)
                    n_bytes += len(received)
                    message = ForwardMsg()
                    message.ParseFromString(received)
                    kind = message.WhichOneof("type")
                    if kind == "delta" and message.delta.new_element.HasField("exception"):
                        load.errors.append(message.delta.new_element.exception.message)
                    if kind == "script_finished":
                        break
                load.seconds.append(time.perf_counter() - start)
                load.n_bytes.append(n_bytes)
                await asyncio.sleep(max(0.0, start + EVERY - time.perf_counter()))
    except Exception as error:
        load.errors.append(f"session {number}: {type(error).__name__}: {error}")
