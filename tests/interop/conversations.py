"""Conversations with the WebSocket servers of other libraries, the same with each of them.

Each server chooses its behaviour by path:

/echo              sends every message back, text as text, binary as binary
/subprotocol       chooses the second of the offered subprotocols (the first if there is one)
/ping              sends a Ping; once its Pong is here, the text "pong received: PAYLOAD"
/fragments         sends one text message in two fragments, the second once a Ping in between is answered
/close/CODE/REASON sends the text "bye" and closes
/desk/ERROR        answers login, add and bye in JSON, adds wrong by ERROR, and sends binary messages back from end to start
/client-close/NAME prints NAME and the code and reason that the client closed with, as a line of JSON
/refuse            answers 401 with a header and a body
/push/N            sends the texts 0 to N-1 and closes; /push never stops
/headers           sends the request's headers as one JSON text
"""

import base64
import contextlib
import json
import random

from judge import (
    ANYTHING,
    Mismatch,
    Outcome,
    attempt,
    closing_line,
    ends,
    lines,
    naming,
    only,
    same,
)
from processes import HERE, INSTALLED, Server, finish, server_process, start, wspipe

BIG = 16 * 1024 * 1024

SERVERS = {
    "node-ws": ["node", str(HERE / "node" / "server.cjs")],
    "python-websockets": [str(INSTALLED / "python" / "bin" / "python"), str(HERE / "python" / "server.py")],
}

CASES = []


def case(name):
    def add(function):
        CASES.append((name, function))
        return function

    return add


# Messages there and back


@case("echo of a line")
def _(server):
    ends(wspipe("connect", "-n", "1", f"{server.url}/echo", stdin="hello\n"), "hello\n")


@case("echo of an argument")
def _(server):
    ends(wspipe("send", "-n", "1", f"{server.url}/echo", "hello"), "hello\n")


@case("echo of 5000 lines through a pipe")
def _(server):
    text = lines(f"{number} {'x' * (number % 300)}" for number in range(5000))
    ends(wspipe("connect", "-n", "5000", f"{server.url}/echo", stdin=text), text)


@case("echo of all 256 byte values")
def _(server):
    every = bytes(range(256))
    ends(wspipe("send", "--whole", "--binary", "-n", "1", "--format", "raw", f"{server.url}/echo", stdin=every), every)


@case("echo of a 16 MiB text message")
def _(server):
    # Characters of one to four bytes, so that no cut into fragments is safe by luck.
    text = lines(f"{number:08} é € 😀" for number in range(BIG // 20)).encode()
    text += b"." * (BIG - len(text))
    ends(wspipe("send", "--whole", "-n", "1", "--format", "raw", f"{server.url}/echo", stdin=text), text)


@case("echo of a 16 MiB binary message")
def _(server):
    noise = random.Random(0).randbytes(BIG)
    ends(wspipe("send", "--whole", "--binary", "-n", "1", "--format", "raw", f"{server.url}/echo", stdin=noise), noise)


@case("echo of an empty text message")
def _(server):
    ends(wspipe("send", "-n", "1", f"{server.url}/echo", ""), "\n")


@case("echo of an empty binary message")
def _(server):
    ends(wspipe("send", "--binary", "-n", "1", "--format", "length", f"{server.url}/echo", ""), bytes(4))


@case("echo of an empty line between others")
def _(server):
    ends(wspipe("connect", "-n", "3", f"{server.url}/echo", stdin="a\n\nb\n"), "a\n\nb\n")


@case("echo of unicode")
def _(server):
    text = "é € 日本語 עברית 😀 e\u0301 \u0000 \u0085 \u200d \u2028 \ufeff \uffff \U0010ffff\n"
    ends(wspipe("connect", "-n", "1", f"{server.url}/echo", stdin=text), text)


@case("200 clients at once, none loses a line")
def _(server):
    with contextlib.ExitStack() as running:
        children = [running.enter_context(start("connect", f"{server.url}/echo")) for _ in range(200)]
        for child in children:
            # A client that failed at once no longer reads; its end tells.
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(b"a\nb\nc")
                child.stdin.close()
            child.stdin = None
        for child in children:
            ends(finish(child), "a\nb\nc\n")


# Messages from the server


@case("subscribe and listen")
def _(server):
    ends(wspipe("listen", "-d", "subscribe", "-d", "two", "-n", "2", f"{server.url}/echo"), "subscribe\ntwo\n")


@case("-n takes exactly so many from an endless stream")
def _(server):
    ends(wspipe("listen", "-n", "1000", f"{server.url}/push"), lines(range(1000)))


@case("everything before the Close is printed")
def _(server):
    ends(wspipe("listen", f"{server.url}/push/5000"), lines(range(5000)))


@case("a stream that ends before -n is met")
def _(server):
    run = wspipe("listen", "-n", "5", f"{server.url}/push/3")
    ends(run, "0\n1\n2\n", naming("closed by peer: 1000"), 4)


@case("a fragmented message with a Ping inside")
def _(server):
    ends(wspipe("listen", "-n", "1", f"{server.url}/fragments"), "one 😀 two\n")


# Pings


@case("a Ping is answered")
def _(server):
    ends(wspipe("listen", "-n", "1", f"{server.url}/ping"), "pong received: are you there?\n")


@case("a Ping is recorded")
def _(server):
    run = wspipe("listen", "-n", "1", "--format", "jsonl", f"{server.url}/ping")
    ends(run, ANYTHING)
    only(run.records(), event="ping", **{"from": "peer"}, base64=base64.b64encode(b"are you there?").decode())
    only(run.records(), event="message", opcode="text", text="pong received: are you there?")


@case("our Pings are answered")
def _(server):
    options = ["--ping-interval", "50ms", "--ping-timeout", "5s", "--duration", "500ms", "--format", "jsonl"]
    run = wspipe("listen", *options, f"{server.url}/echo")
    ends(run, ANYTHING)
    pongs = [record for record in run.records() if record["event"] == "pong" and record["from"] == "peer"]
    if not pongs or not all(isinstance(pong.get("rtt_us"), int) for pong in pongs):
        raise Mismatch("pong records from the peer, each with rtt_us", run.records())


# The opening handshake


@case("the server chooses a subprotocol")
def _(server):
    offer = ["--subprotocol", "a", "--subprotocol", "b"]
    run = wspipe("listen", *offer, "--format", "jsonl", "-n", "0", f"{server.url}/subprotocol")
    ends(run, ANYTHING)
    only(run.records(), event="open", http_version="1.1", status=101, subprotocol="b", extensions=[])


@case("the server chooses none of the subprotocols")
def _(server):
    run = wspipe("listen", "--subprotocol", "a", "--format", "jsonl", "-n", "0", f"{server.url}/echo")
    ends(run, ANYTHING)
    only(run.records(), event="open", subprotocol=None)


@case("headers, origin and user arrive")
def _(server):
    options = ["-H", "X-Token: abc: def", "--origin", "https://example.org", "-u", "user:pass"]
    run = wspipe("listen", *options, "-n", "1", f"{server.url}/headers")
    ends(run, ANYTHING)
    headers = json.loads(run.stdout)
    expected = {
        "host": server.url.removeprefix("ws://"),
        "x-token": "abc: def",
        "origin": "https://example.org",
        "authorization": "Basic dXNlcjpwYXNz",
        "sec-websocket-version": "13",
    }
    same(expected, {name: headers.get(name) for name in expected})
    same(16, len(base64.b64decode(headers["sec-websocket-key"], validate=True)))


@case("a refusal")
def _(server):
    run = wspipe("listen", f"{server.url}/refuse")
    ends(run, stderr=naming("401", "www-authenticate: Bearer realm=", "token expired, get a new one"), code=22)


# The closing handshake


def closed_by_peer(close_code, exit_code):
    @case(f"close code {close_code} from the server")
    def _(server):
        run = wspipe("listen", f"{server.url}/close/{close_code}/token%20expired")
        ends(run, "bye\n", closing_line(close_code, "token expired") if exit_code else b"", exit_code)


for pair in [(1000, 0), (1001, 101), (1008, 108), (1011, 111), (3000, 117), (4000, 118)]:
    closed_by_peer(*pair)


@case("-v names a normal close too")
def _(server):
    run = wspipe("listen", "-v", f"{server.url}/close/1000/all%20done")
    ends(run, "bye\n", naming("closed by peer: 1000 ", '"all done"'))


@case("--ok-close widens success")
def _(server):
    ends(wspipe("listen", "--ok-close", "1001,4000-4099", f"{server.url}/close/4001/enough"), "bye\n")


@case("--ok-close leaves other codes alone")
def _(server):
    run = wspipe("listen", "--ok-close", "1001,4000-4099", f"{server.url}/close/4100/enough")
    ends(run, "bye\n", closing_line(4100, "enough"), 118)


@case("--expect-close is met")
def _(server):
    ends(wspipe("listen", "--expect-close", "1008", f"{server.url}/close/1008/no"), "bye\n")


@case("--expect-close is not met")
def _(server):
    run = wspipe("listen", "--expect-close", "1008", f"{server.url}/close/1000/no")
    ends(run, "bye\n", naming("closed by peer: 1000"), 4)


@case("the server sees our close code and reason")
def _(server):
    ends(wspipe("send", "--close-code", "4001", "--close-reason", "done ✓", f"{server.url}/client-close/ours", "hello"))
    same({"code": 4001, "reason": "done ✓"}, server.said("ours")["ours"])


@case("the server sees 1000 unless we say otherwise")
def _(server):
    ends(wspipe("send", f"{server.url}/client-close/default", "hello"))
    same({"code": 1000, "reason": ""}, server.said("default")["default"])


# The whole


def outcomes(wanted):
    """How each wanted case went, one server after the other."""
    for name in SERVERS:
        cases = [(title, function) for title, function in CASES if wanted(name, title)]
        if cases:
            yield from against(name, cases)


def against(name, cases):
    with server_process(SERVERS[name]) as child:
        server = Server(child)
        if unstarted := attempt(lambda: server.url):
            yield Outcome(name, "the server starts", unstarted)
            return
        for title, function in cases:
            yield Outcome(name, title, attempt(function, server))
