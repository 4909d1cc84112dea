"""The model server of the benchmark, a process of its own: quick, and with the faults of the fault table.

What it does is in the model's name: `ok`, `cut-3`, `bad-3`, `drop-3`, `stall-3`, `slow`, `503`, `429`; `flaky:who-...`
does it the first time that `who` asks, and is well from then on.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections import Counter

WORDS = [f"word{number} " for number in range(60)]
_seen: Counter[str] = Counter()


def _chunk(text: str | None, finish: str | None = None) -> bytes:
    delta = {} if text is None else {"content": text}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    event = {**body, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


_USAGE = {"prompt_tokens": 9, "completion_tokens": 60, "total_tokens": 69}
_LAST = (
    b"data: "
    + json.dumps(
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": _USAGE}
    ).encode()
    + b"\n\ndata: [DONE]\n\n"
)
_WHOLE = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "".join(WORDS)}, "finish_reason": "stop"}],
        "usage": _USAGE,
    }
).encode()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.split("content-length:")[1].split("\r\n")[0])
            asked = json.loads(await reader.readexactly(length))
            if not await _play(str(asked["model"]), bool(asked.get("stream")), writer):
                break
    except (asyncio.IncompleteReadError, ConnectionError, IndexError):
        pass
    writer.close()


async def _play(model: str, streamed: bool, writer: asyncio.StreamWriter) -> bool:
    """Whether the connection is fit for another request."""
    kind, _, after = model.partition("-")
    if kind.startswith("flaky"):
        _seen[model] += 1
        model = after if _seen[model] == 1 else "ok"
        kind, _, after = model.partition("-")
    if kind in {"503", "429"}:
        body = json.dumps({"error": {"message": "busy", "code": None}}).encode()
        wait = "Retry-After: 1\r\n" if kind == "429" else ""
        head = f"HTTP/1.1 {kind} Busy\r\nContent-Type: application/json\r\n{wait}Content-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        return True
    if not streamed:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(_WHOLE)}\r\n\r\n"
        writer.write(head.encode() + _WHOLE)
        await writer.drain()
        return True
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    if kind == "slow":
        await asyncio.sleep(30)
    for number, word in enumerate([*WORDS, None]):
        if kind in {"cut", "drop", "bad", "stall"} and number == int(after):
            await writer.drain()
            if kind == "bad":
                writer.write(b'data: {"choices": [{"delta"\n\n')
            elif kind == "stall":
                await asyncio.sleep(30)
            elif kind == "drop":
                await asyncio.sleep(0.02)
                writer.transport.abort()
                return False
            else:
                return False
        writer.write(_chunk(word) if word is not None else _chunk(None, "stop") + _LAST)
        if number % 10 == 0:
            await writer.drain()
    await writer.drain()
    return False


async def _serve() -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", int(sys.argv[1]), limit=1 << 20, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    # It writes to connections that clients have left: that is the point.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    asyncio.run(_serve())
