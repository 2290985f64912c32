"""`wspipe serve` as a stand-in for other servers, and the clients of other libraries as its command.

A client opens two sessions, says "hi" in the first one, and prints as JSON what it was told: the subprotocol and what both
heard, or how it was refused or closed.
"""

import json

from judge import Outcome, attempt, ends
from processes import HERE, INSTALLED, wspipe

CLIENTS = {
    "node-ws": ["node", str(HERE / "node" / "double.cjs")],
    "python-websockets": [str(INSTALLED / "python" / "bin" / "python"), str(HERE / "python" / "double.py")],
}
CASES = {
    "--tls --subprotocol v2 --subprotocol v1 --broadcast": {"subprotocol": "v2", "heard": ["hi", "hi"]},
    "--tls --delay 50ms --broadcast": {"subprotocol": "v1", "heard": ["hi", "hi"]},
    "--close 4001 --close-reason why": {"code": 4001, "reason": "why"},
    "--tls --close 1006": {"code": 1006, "reason": ""},
    "--refuse 503": {"status": 503},
    "--tls --max-connections 1": {"status": 503},
}


def converse(client, flags, seen):
    # Node's variable is only set where it says nothing yet.
    run = wspipe("serve", *flags.split(), "--", *client, environment={"NODE_EXTRA_CA_CERTS": ""})
    ends(run, json.dumps(seen, separators=(",", ":")) + "\n")


def outcomes(wanted):
    """How each wanted case went."""
    for peer, client in CLIENTS.items():
        for flags, seen in CASES.items():
            title = f"serve {flags}"
            if wanted(peer, title):
                yield Outcome(peer, title, attempt(converse, client, flags, seen))
