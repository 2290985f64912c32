"""WebSocket over HTTP/2 (RFC 8441), and what happens where there is none."""

from flags.table import NOISE, Table, head, pattern
from judge import ANYTHING, lines

TABLE = Table()
case = TABLE.case

# Where HTTP/2 is spoken: the part, in what way, how it is asked for, and a header that says so

WAYS = [
    ("HAProxy", "--http2", "--http2 {trust} {haproxy.http2}", "x-http", "2"),
    ("HAProxy", "--http2-prior-knowledge", "--http2-prior-knowledge {trust} {haproxy.http2}", "x-alpn", "h2"),
    ("HAProxy", "--http2-prior-knowledge, ws", "--http2-prior-knowledge {haproxy.clear}", "x-http", "2"),
    ("node-http2", "--http2", "--http2 {trust} {node_http2.tls}", ":protocol", "websocket"),
    ("node-http2", "--http2-prior-knowledge", "--http2-prior-knowledge {trust} {node_http2.tls}", ":protocol", "websocket"),
    ("node-http2", "--http2-prior-knowledge, ws", "--http2-prior-knowledge {node_http2.clear}", ":protocol", "websocket"),
]

NUMBERS = lines(range(5000))


def conversation(part, flag, to):
    """What is carried is the same as over HTTP/1.1, whatever HTTP/2 does to windows, ends and refusals."""
    case(part, f"{flag}: echo of lines", f"connect -n 5000 {to}/echo", NUMBERS, stdin=NUMBERS.encode())
    case(part, f"{flag}: much both ways", f"send --whole --binary -n 1 --format raw {to}/echo", NOISE, stdin=NOISE)
    case(part, f"{flag}: everything before the Close", f"listen {to}/push/5000", NUMBERS)
    case(part, f"{flag}: a close code", f"listen {to}/close/1008/no", "bye\n", code=108, says=("closed by peer: 1008", '"no"'))
    case(part, f"{flag}: our Close is answered", f"send {to}/subprotocol hello")
    case(part, f"{flag}: a Ping", f"listen -n 1 {to}/ping", "pong received: are you there?\n")
    case(part, f"{flag}: a refusal", f"listen {to}/refuse", code=22, says=("401", "token expired, get a new one"), hint=False)
    case(
        part, f"{flag}: no answer", f"listen --connect-timeout 200ms {to}/silent", code=28, says=("--connect-timeout",), least=0.2
    )
    case(
        part,
        f"{flag}: headers and credentials",
        f"listen -n 2 -H 'X-Token: abc' -u user:pass {to}/header/x-token/authorization",
        "abc\nBasic dXNlcjpwYXNz\n",
    )
    case(part, f"{flag}: cookies", f"listen -n 1 -b 'a=1; b=2' {to}/header/cookie", "a=1; b=2\n")
    case(
        part,
        f"{flag}: the open record, with the subprotocol",
        f"listen -n 0 --subprotocol a --subprotocol b --format jsonl {to}/subprotocol",
        ANYTHING,
        record={"event": "open", "http_version": "2", "status": 200, "subprotocol": "b"},
    )


for part, flag, to, header, seen in WAYS:
    case(part, f"{flag}: what the server sees", f"listen -n 1 {to}/header/{header}", f"{seen}\n")
    if flag != "--http2-prior-knowledge":
        conversation(part, flag, to)

OVER_TLS = "listen -n 1 --http2 {trust} {haproxy.http2}/header/x-http"
case("HAProxy", "-D: http2", f"{OVER_TLS} -D {{tmp}}/head", "2\n", wrote={"head": pattern(head("HTTP/2 200"))})
case("HAProxy", "-v: http2", f"{OVER_TLS} -v", "2\n", says=("h2", "< HTTP/2"))
case("HAProxy", "-w: http2", f"{OVER_TLS} -w '%{{{{http_code}}}}'", "2\n200")

# Through a proxy

TUNNEL = "listen -n 2 --http2 {trust} {haproxy.http2}/header/x-http/x-forwarded-for"
CLEAR_TUNNEL = "listen -n 2 --http2-prior-knowledge {haproxy.clear}/header/x-http/x-forwarded-for"
case("HAProxy", "--http2: through an HTTP proxy", f"{TUNNEL} -x {{tinyproxy}}", "2\n127.0.0.2\n")
case("HAProxy", "--http2: through a socks5h proxy", f"{TUNNEL} -x socks5h://{{socks.address}}", "2\n127.0.0.4\n")
case("HAProxy", "--http2-prior-knowledge: ws through an HTTP proxy", f"{CLEAR_TUNNEL} -x {{tinyproxy}}", "2\n127.0.0.2\n")

# Where there is none: no HTTP/2 at all, or none that carries WebSocket

for part, what, url, header, seen in [
    ("HAProxy", "HTTP/1.1 only", "{haproxy.http1}", "x-http", "1"),
    ("nginx", "HTTP/1.1 only", "{nginx.main}", "x-tls", "TLSv1.3"),
    ("nginx", "HTTP/2 without extended CONNECT", "{nginx.http2}", "x-tls", "TLSv1.3"),
    ("node-http2", "HTTP/2 without extended CONNECT", "{node_http2.unextended}", "upgrade", "websocket"),
]:
    case(part, f"--http2: {what}", f"listen -n 1 {{trust}} --http2 {url}/header/{header}", f"{seen}\n", says=("HTTP/2",))
    case(
        part, f"--http2-prior-knowledge: {what}", f"listen {{trust}} --http2-prior-knowledge {url}/echo", code=8, says=("HTTP/2",)
    )
case(
    "node-ws",
    "--http2-prior-knowledge: ws, HTTP/1.1 only",
    "listen --http2-prior-knowledge {node}/echo",
    code=8,
    says=("HTTP/2",),
)
case(
    "nginx",
    "--http2-prior-knowledge: ws, HTTP/1.1 only",
    "listen --http2-prior-knowledge {nginx.plain}/echo",
    code=8,
    says=("HTTP/2",),
)
