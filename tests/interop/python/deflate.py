"""The peer python-websockets in conversations about permessage-deflate (see ../deflate.py).

A server that demands what the path says, or, with a file of messages, a client of the server at WSPIPE_URL for every offer
on stdin.
"""

import asyncio
import base64
import json
import os
import sys
from urllib.parse import unquote

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions import ClientExtensionFactory, Extension, ServerExtensionFactory
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import CTRL_OPCODES, Opcode

MAX_SIZE = 64 * 1024 * 1024
WHOLE = 512 * 1024
FRAGMENT = 100_000


class Traffic:
    """What went one way: of each message whether it was compressed and its bytes, and the bytes of all frames."""

    def __init__(self, mask):
        self.messages = []
        self.bytes = 0
        self._mask = mask

    def add(self, frame):
        length = len(frame.data)
        self.bytes += length + 2 + self._mask + (0 if length < 126 else 2 if length < 65536 else 8)
        if frame.opcode is Opcode.CONT:
            self.messages[-1][1] += length
        elif frame.opcode not in CTRL_OPCODES:
            self.messages.append([frame.rsv1, length])


class Watched(Extension):
    """permessage-deflate, and what its frames are on the wire; RSV1 is not seen behind it."""

    name = PerMessageDeflate.name

    def __init__(self, deflate, is_server):
        self.deflate = deflate
        self.is_server = is_server
        self.received, self.sent = Traffic(4 * is_server), Traffic(4 * (not is_server))

    def decode(self, frame, *, max_size=None):
        self.received.add(frame)
        return self.deflate.decode(frame, max_size=max_size)

    def encode(self, frame):
        frame = self.deflate.encode(frame)
        self.sent.add(frame)
        return frame

    def agreement(self):
        ours, theirs = ("server", "client") if self.is_server else ("client", "server")
        return {
            f"{ours}_no_context_takeover": self.deflate.local_no_context_takeover,
            f"{theirs}_no_context_takeover": self.deflate.remote_no_context_takeover,
            f"{ours}_max_window_bits": self.deflate.local_max_window_bits,
            f"{theirs}_max_window_bits": self.deflate.remote_max_window_bits,
        }


class Demanding(ServerExtensionFactory):
    name = PerMessageDeflate.name

    def __init__(self, demand):
        self._factory = ServerPerMessageDeflateFactory(**demand)

    def process_request_params(self, params, accepted_extensions):
        answer, deflate = self._factory.process_request_params(params, accepted_extensions)
        return answer, Watched(deflate, is_server=True)


class Offering(ClientExtensionFactory):
    name = PerMessageDeflate.name

    def __init__(self, offer):
        # Without the None it would always offer client_max_window_bits.
        self._factory = ClientPerMessageDeflateFactory(**{"client_max_window_bits": None, **offer})

    def get_request_params(self):
        return self._factory.get_request_params()

    def process_response_params(self, params, accepted_extensions):
        return Watched(self._factory.process_response_params(params, accepted_extensions), is_server=False)


def view(ws):
    """What websockets agreed to and saw; without an extension it does not tell what is on the wire."""
    if not ws.protocol.extensions:
        return {"code": ws.close_code, "agreement": None}
    [watched] = ws.protocol.extensions
    return {
        "code": ws.close_code,
        "agreement": watched.agreement(),
        "received": watched.received.messages,
        "sent": watched.sent.messages,
        "wire": {"received": watched.received.bytes, "sent": watched.sent.bytes},
    }


def say(record):
    print(json.dumps(record), flush=True)


async def send(ws, message):
    """A long message goes in fragments, with cuts that go through characters."""
    is_text = isinstance(message, str)
    data = message.encode() if is_text else message
    if len(data) <= WHOLE:
        await ws.send(message)
    else:
        await ws.send((data[at : at + FRAGMENT] for at in range(0, len(data), FRAGMENT)), text=is_text)


def path_of(request):
    return [unquote(part) for part in request.path[1:].split("/")]


async def echo(ws):
    try:
        async for message in ws:
            await send(ws, message)
    except ConnectionClosed:
        pass
    await ws.wait_closed()
    name, _ = path_of(ws.request)
    say({name: view(ws)})


def demand(connection, request):
    _, parameters = path_of(request)
    connection.protocol.available_extensions = [Demanding(json.loads(parameters))]


async def be_server():
    options = {"compression": None, "max_size": MAX_SIZE, "ping_interval": None, "open_timeout": None}
    async with serve(echo, "127.0.0.1", 0, process_request=demand, **options) as server:
        say({"port": server.sockets[0].getsockname()[1]})
        # However the driver ends, its end of our stdin closes.
        await asyncio.to_thread(sys.stdin.read)


async def converse(messages, offer):
    """Sends all messages, and compares what comes back."""
    options = {"compression": None, "max_size": MAX_SIZE, "ping_interval": None, "open_timeout": None, "proxy": None}
    differ = []
    async with connect(os.environ["WSPIPE_URL"], extensions=[Offering(offer)], **options) as ws:

        async def send_all():
            for message in messages:
                await send(ws, message)

        sending = asyncio.create_task(send_all())
        for number, message in enumerate(messages):
            # Text is a str here and binary are bytes, which are never equal.
            if await ws.recv() != message:
                differ.append(number)
        await sending
    return {**view(ws), "differ": differ}


def message_of(line):
    record = json.loads(line)
    return record["text"] if "text" in record else base64.b64decode(record["base64"])


async def be_client(file):
    with open(file, encoding="utf-8") as lines:
        messages = [message_of(line) for line in lines]
    while line := await asyncio.to_thread(sys.stdin.readline):
        wanted = json.loads(line)
        say({wanted["name"]: await converse(messages, wanted["offer"])})


asyncio.run(be_client(*sys.argv[1:]) if sys.argv[1:] else be_server())
