"""The peer python-websockets: a WebSocket server on a free loopback port, its behaviour chosen by the path (see conversations.py)."""

import asyncio
import itertools
import json
import sys
from http import HTTPStatus
from urllib.parse import unquote

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


async def echo(ws):
    async for message in ws:
        await ws.send(message)


async def ping(ws):
    payload = "are you there?"
    await (await ws.ping(payload))
    await ws.send(f"pong received: {payload}")
    await ws.wait_closed()


async def fragments(ws):
    """The cut goes through a character, and the rest only follows once the Ping between the fragments is answered."""

    async def pieces():
        text = "one \U0001f600 two".encode()
        yield text[:6]
        await (await ws.ping("between fragments"))
        yield text[6:]

    await ws.send(pieces(), text=True)
    await ws.wait_closed()


async def close(ws, code, reason):
    await ws.send("bye")
    await ws.close(int(code), reason)


async def desk(ws, error):
    """A service that adds wrong by `error`."""
    async for message in ws:
        if isinstance(message, bytes):
            await ws.send(message[::-1])
            continue
        said = json.loads(message)
        if said["op"] == "login":
            await ws.send(json.dumps({"welcome": said["user"]}, ensure_ascii=False, separators=(",", ":")))
        elif said["op"] == "add":
            await ws.send(json.dumps({"sum": said["a"] + said["b"] + int(error)}, separators=(",", ":")))
        else:
            await ws.close(4000, "goodbye")


async def client_close(ws, name):
    await ws.wait_closed()
    say({name: {"code": ws.close_code, "reason": ws.close_reason}})


async def push(ws, count=None):
    """Without a count it never ends."""
    for number in itertools.count() if count is None else range(int(count)):
        await ws.send(str(number))
    await ws.close(1000)


async def headers(ws):
    received = {}
    for name, value in ws.request.headers.raw_items():
        received.setdefault(name.lower(), []).append(value)
    await ws.send(json.dumps({name: ", ".join(values) for name, values in received.items()}))
    await ws.wait_closed()


async def subprotocol(ws):
    await ws.wait_closed()


async def no_such_path(ws, *_):
    await ws.close(1008, "no such path")


ROUTES = {
    "echo": echo,
    "ping": ping,
    "fragments": fragments,
    "close": close,
    "desk": desk,
    "client-close": client_close,
    "push": push,
    "headers": headers,
    "subprotocol": subprotocol,
}


def say(record):
    print(json.dumps(record), flush=True)


async def route(ws):
    name, *rest = map(unquote, ws.request.path[1:].split("/"))
    try:
        await ROUTES.get(name, no_such_path)(ws, *rest)
    except ConnectionClosed:
        pass


def refuse(connection, request):
    if request.path != "/refuse":
        return None
    response = connection.respond(HTTPStatus.UNAUTHORIZED, "token expired, get a new one")
    response.headers["WWW-Authenticate"] = 'Bearer realm="interop"'
    return response


def choose_subprotocol(connection, offered):
    if connection.request.path != "/subprotocol" or not offered:
        return None
    return offered[1] if len(offered) > 1 else offered[0]


async def main():
    async with serve(
        route,
        "127.0.0.1",
        0,
        compression=None,
        max_size=64 * 1024 * 1024,
        ping_interval=None,
        open_timeout=None,
        backlog=511,
        process_request=refuse,
        select_subprotocol=choose_subprotocol,
    ) as server:
        say({"port": server.sockets[0].getsockname()[1]})
        # However the driver ends, its end of our stdin closes.
        await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
