"""wspipe as the server of a library's client: `wspipe serve`, which runs the client and ends with it."""

import contextlib
import json
import subprocess
import tempfile
from pathlib import Path

from deflate.messages import RECORDS
from deflate.parameters import CLIENT_BITS, SERVER_BITS, agreed, combinations, typed
from deflate.peers import PEERS, judge, names
from judge import Mismatch, Outcome, attempt, ends, same
from processes import DEADLINE, WSPIPE, Run, Server, process

# All that the clients can offer, but for the windows of 10, 11, 13 and 14 bits, as in client.py.
OFFERS = [*combinations((None, True, 9, 12, 15), (None, 9, 12, 15))]
# A compressor's window of 8 bits, which zlib does not have, is one of 9 for ws; wspipe does not promise it.
OFFERS_OF = {
    "node-ws": [{SERVER_BITS: 8}, {CLIENT_BITS: 8}, {CLIENT_BITS: 8, SERVER_BITS: 8}],
    "python-websockets": [{SERVER_BITS: 8}],
}


class Client:
    """A library's client as the command of `wspipe serve`: an offer on its stdin is a conversation."""

    def __init__(self, child):
        self._child = child
        self._said = Server(child).said

    def converse(self, offer):
        name = next(names)
        self._child.stdin.write(json.dumps({"name": name, "offer": offer}).encode() + b"\n")
        self._child.stdin.flush()
        view = self._said(name)[name]
        same([], view["differ"])
        judge(view, None if offer.get(SERVER_BITS) == 8 else agreed(offer), "server")

    def end(self):
        """It ends with its stdin, and wspipe with it; wspipe prints nothing, and what the client prints was read."""
        self._child.stdin.close()
        try:
            code = self._child.wait(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            raise Mismatch(f"an end within {DEADLINE:.0f}s", "none") from None
        ends(Run(b"", self._child.stderr.read(), code))


@contextlib.contextmanager
def client_process(command):
    with tempfile.TemporaryDirectory() as folder:
        messages = Path(folder, "messages.jsonl")
        messages.write_bytes(RECORDS)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with process([WSPIPE, "serve", "--", *command, str(messages)], **pipes) as child:
            yield child


def cases(peer):
    for offer in [*OFFERS, *OFFERS_OF[peer]]:
        yield f"serve, compression: offered {typed(offer) or 'without parameters'}", offer


def outcomes(wanted):
    for peer, command in PEERS.items():
        chosen = [case for case in cases(peer) if wanted(peer, case[0])]
        if chosen:
            yield from against(peer, command, chosen)


def against(peer, command, chosen):
    with client_process(command) as child:
        client = Client(child)
        for title, offer in chosen:
            yield Outcome(peer, title, attempt(client.converse, offer))
        yield Outcome(peer, "serve, compression: it ends with its client", attempt(client.end))
