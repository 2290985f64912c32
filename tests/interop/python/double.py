"""A client of websockets as the command of `wspipe serve` (see ../double.py)."""

import json
import os
import ssl

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

URL = os.environ["WSPIPE_URL"]
AUTHORITY = os.environ.get("WSPIPE_CACERT")


def seen():
    trust = ssl.create_default_context(cafile=AUTHORITY) if AUTHORITY else None
    try:
        with connect(URL, subprotocols=["v1", "v2"], ssl=trust) as first, connect(URL, ssl=trust) as second:
            first.send("hi")
            return {"subprotocol": first.subprotocol, "heard": [first.recv(timeout=30), second.recv(timeout=30)]}
    except InvalidStatus as refused:
        return {"status": refused.response.status_code}
    except ConnectionClosed as closed:
        return {"code": closed.rcvd.code, "reason": closed.rcvd.reason} if closed.rcvd else {"code": 1006, "reason": ""}


print(json.dumps(seen(), separators=(",", ":")))
