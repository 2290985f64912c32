"""The libraries of others, and how what they say of a conversation is judged."""

import itertools

from deflate.messages import has_rsv1, obeys
from deflate.parameters import UNSAID
from judge import same
from processes import HERE, INSTALLED

PEERS = {
    "node-ws": ["node", str(HERE / "node" / "deflate.cjs")],
    "python-websockets": [str(INSTALLED / "python" / "bin" / "python"), str(HERE / "python" / "deflate.py")],
}

names = map(str, itertools.count())

# wspipe's own, and zlib's, to which both libraries leave it.
LEVEL = 6


def judge(view, agreement, role, level=LEVEL, min_size=0):
    """That both ends keep to this agreement, or have none; `role` is wspipe's."""
    same(1000, view["code"])
    if agreement is None:
        return same(None, view["agreement"])
    same(agreement, UNSAID | view["agreement"])
    other = "server" if role == "client" else "client"
    window_bits = agreement[f"{role}_max_window_bits"]
    # zlib has no window of 8 bits, so there wspipe compresses nothing; and never a message without a byte.
    has_rsv1("wspipe", view["received"], lambda length: window_bits > 8 and length >= max(1, min_size))
    obeys("wspipe", view["received"], agreement[f"{role}_no_context_takeover"], window_bits, level)
    # These two compress whatever it is.
    has_rsv1("the library", view["sent"], lambda length: True)
    theirs = agreement[f"{other}_no_context_takeover"], agreement[f"{other}_max_window_bits"]
    obeys("the library", view["sent"], *theirs, LEVEL)
