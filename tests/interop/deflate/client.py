"""wspipe as the client of a library's server."""

import base64
import json
import re
from typing import NamedTuple
from urllib.parse import quote

from deflate.messages import LENGTHS, MESSAGES, PREFIXED, RECORDS
from deflate.parameters import (
    CLIENT_BITS,
    CLIENT_NO_CONTEXT,
    EVERYTHING,
    NOTHING,
    SERVER_BITS,
    SERVER_NO_CONTEXT,
    UNSAID,
    agreed,
    combinations,
    read,
    typed,
)
from deflate.peers import LEVEL, PEERS, judge, names
from judge import ANYTHING, Outcome, attempt, ends, naming, only, same
from processes import Server, server_process, wspipe


class Conversation(NamedTuple):
    offer: dict
    demand: dict
    level: int | None
    min_size: int | None

    @property
    def flag(self):
        own = {"level": self.level, "min-size": self.min_size}
        parameters = typed(self.offer | {name: value for name, value in own.items() if value is not None})
        return f"--compress={parameters}" if parameters else "--compress"

    @property
    def title(self):
        return f"{self.flag}; the server has {typed(self.demand)}" if self.demand else self.flag


def conversation(offer=NOTHING, demand=NOTHING, level=None, min_size=None):
    return Conversation(offer, demand, level, min_size)


# Every offer meets a server that demands nothing, and every demand the plain offer. What one side says of a parameter only
# meets what the other says of the same one, so a few pairs stand for the product of all offers with all demands, which would
# take minutes. Windows of 10, 11, 13 and 14 bits have nothing to show that 9 and 12 have not.
CONVERSATIONS = [
    *map(conversation, combinations((None, 9, 12, 15), (None, 9, 12, 15))),
    conversation(level=0),
    conversation(level=1),
    conversation(level=9),
    conversation(EVERYTHING, level=9),
    conversation(min_size=1000),
    conversation(EVERYTHING, level=1, min_size=100),
    conversation(demand={CLIENT_NO_CONTEXT: True}),
    conversation(demand={SERVER_NO_CONTEXT: True}),
    *(conversation(demand={name: bits}) for name in (CLIENT_BITS, SERVER_BITS) for bits in (9, 12, 15)),
    conversation(demand=EVERYTHING),
    conversation(EVERYTHING, EVERYTHING),
    conversation({CLIENT_NO_CONTEXT: True}, {SERVER_NO_CONTEXT: True}),
    conversation({SERVER_NO_CONTEXT: True}, {CLIENT_NO_CONTEXT: True}),
    conversation({CLIENT_BITS: 12}, {CLIENT_BITS: 9}),
    conversation({SERVER_BITS: 12}, {SERVER_BITS: 9}),
    conversation(demand={CLIENT_BITS: 8}),
    conversation({CLIENT_NO_CONTEXT: True, CLIENT_BITS: 9}, {CLIENT_BITS: 8}),
]

# Where the client wants less than the server has, ws refuses the upgrade, and websockets is content. A compressor's window of
# 8 bits, which zlib does not have, is one of 9 for ws, and websockets goes on without the extension.
OF_ONE_LIBRARY = {
    "node-ws": [conversation({SERVER_BITS: 8}), conversation(demand={SERVER_BITS: 8})],
    "python-websockets": [conversation({CLIENT_BITS: 9}, {CLIENT_BITS: 12}), conversation({SERVER_BITS: 9}, {SERVER_BITS: 12})],
}
REFUSED = {
    "node-ws": [
        conversation({CLIENT_BITS: 9}, {CLIENT_BITS: 12}),
        conversation({SERVER_BITS: 9}, {SERVER_BITS: 12}),
        conversation({SERVER_NO_CONTEXT: True}, {SERVER_NO_CONTEXT: False}),
    ],
    "python-websockets": [],
}
DECLINED = {"node-ws": [], "python-websockets": [conversation({SERVER_BITS: 8})]}

# Each message is held whole, or long ones stream through.
RECORDS_WAY = ["connect", "--jsonl"]
PREFIXED_WAY = ["send", "--binary", "--length-prefixed", "--format", "length"]

WARNING = "wspipe: sending everything as it is: the server asks for a window of 256 bytes, and zlib has none so small\n"


def converse(server, talk):
    """As records; as a stream too where both offered windows are alike, since there neither matters to the other."""
    agreement = agreed(talk.offer, talk.demand)
    run, view = run_against(server, talk, RECORDS_WAY, RECORDS)
    ends(run, ANYTHING, last_words(agreement, view["wire"]))
    judge_records(run.records(), agreement)
    judge_view(talk, view, agreement)
    if talk.offer.get(CLIENT_BITS) == talk.offer.get(SERVER_BITS):
        run, view = run_against(server, talk, PREFIXED_WAY, PREFIXED)
        ends(run, PREFIXED, last_words(agreement, view["wire"]))
        judge_view(talk, view, agreement)


def run_against(server, talk, arguments, stdin):
    name = next(names)
    run = wspipe(*arguments, talk.flag, "-v", "-n", str(len(MESSAGES)), url(server, name, talk), stdin=stdin)
    # A server that saw no conversation says nothing.
    ends(run, ANYTHING, ANYTHING)
    return run, server.said(name)[name]


def url(server, name, talk):
    return f"{server.url}/{name}/{quote(json.dumps(talk.demand))}"


def judge_view(talk, view, agreement):
    level = LEVEL if talk.level is None else talk.level
    judge(view, agreement, "client", level, talk.min_size or 0)


def judge_records(records, agreement):
    opened, *messages, closed = records
    only([opened], event="open", http_version="1.1", status=101)
    [answer] = opened["extensions"]
    same(agreement, read(answer))
    judge_messages(messages)
    only([closed], event="close", **{"from": "us"}, code=1000, clean=True)


def judge_messages(records):
    same(len(MESSAGES), len(records))
    for message, length, record in zip(MESSAGES, LENGTHS, records):
        same(("message", "peer", length), (record["event"], record["from"], record["length"]))
        is_text = isinstance(message, str)
        same("text" if is_text else "binary", record["opcode"])
        same(message, record["text"] if is_text else base64.b64decode(record["base64"], validate=True))


def last_words(agreement, wire):
    """The lines of -v, with the bytes that the server counted in the last one."""
    payload = sum(LENGTHS)
    received, sent = (
        f"{count} of {payload} bytes {word} ({count * 100 / payload:.1f}%)"
        for word, count in [("received", wire["sent"]), ("sent", wire["received"])]
    )
    warning = WARNING if agreement[CLIENT_BITS] == 8 else ""
    return verbose(warning, f"closed by us: 1000 normal closure; on the wire {received}, {sent}\n")


def verbose(warning, closing):
    """-v: how it was opened, a warning, when it was over, the closing line."""
    about = rb"(?:[*<>][^\n]*\n)+"
    return re.compile(about + re.escape(warning.encode()) + about + re.escape(closing.encode()))


def refused(server, talk):
    run = wspipe("connect", talk.flag, url(server, next(names), talk), stdin=RECORDS)
    ends(run, stderr=naming("400", "Sec-WebSocket-Extensions"), code=22)


def declined(server, talk):
    """The conversation goes on without compression."""
    run, view = run_against(server, talk, RECORDS_WAY, RECORDS)
    ends(run, ANYTHING, verbose("", "closed by us: 1000 normal closure\n"))
    opened, *messages, _ = run.records()
    only([opened], event="open", extensions=[])
    judge_messages(messages)
    same({"code": 1000, "agreement": None}, view)


def levels(server, _):
    sent = {}
    for level in (0, 1, 6, 9):
        run, view = run_against(server, conversation(level=level), PREFIXED_WAY, PREFIXED)
        ends(run, PREFIXED, last_words(UNSAID, view["wire"]))
        sent[level] = view["wire"]["received"]
    same(sorted(sent, key=sent.get, reverse=True), [0, 1, 6, 9])


def cases(peer):
    yield "--compress=level=N: the higher, the less is sent", levels, None
    for talk in [*CONVERSATIONS, *OF_ONE_LIBRARY[peer]]:
        yield talk.title, converse, talk
    for talk in REFUSED[peer]:
        yield f"{talk.title}: refused", refused, talk
    for talk in DECLINED[peer]:
        yield f"{talk.title}: declined", declined, talk


def outcomes(wanted):
    for peer, command in PEERS.items():
        chosen = [case for case in cases(peer) if wanted(peer, case[0])]
        if chosen:
            yield from against(peer, command, chosen)


def against(peer, command, chosen):
    with server_process(command) as child:
        server = Server(child)
        if unstarted := attempt(lambda: server.url):
            yield Outcome(peer, "the server of compression starts", unstarted)
            return
        for title, function, talk in chosen:
            yield Outcome(peer, title, attempt(function, server, talk))
