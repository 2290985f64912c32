"""The request, and the head of its answer."""

from flags.table import NOISE, Table, head, pattern
from judge import ANYTHING

TABLE = Table()
case = TABLE.case

HEADER = "listen -n 1 {trust} {nginx.main}/header/"

case("nginx", "-H: Name: value", HEADER + "x-token -H 'X-Token: abc: def'", "abc: def\n")
case("nginx", "-H: Name: takes one away", HEADER + "user-agent -H User-Agent:", "(none)\n")
case("node-ws", "-H: Name; sends an empty one", "listen -n 1 {node}/header/x-empty -H 'X-Empty;'", "\n")
case(
    "nginx",
    "-H: @FILE",
    HEADER + "x-token/authorization -n 2 -H @{tmp}/headers",
    "abc\nBearer token\n",
    files={"headers": "X-Token: abc\nAuthorization: Bearer token\n"},
)
case("nginx", "-u", "listen -n 1 {trust} -u alice:wonderland {nginx.main}/user/header/x-user", "alice\n")
case("nginx", "-u: not given", "listen {trust} {nginx.main}/user/header/x-user", code=22, says=("401", "-u"))
case("nginx", "-u: a wrong password", "listen {trust} -u alice:nowhere {nginx.main}/user/header/x-user", code=22, says=("401",))
case("nginx", "URL userinfo", "listen -n 1 {trust} wss://alice:wonderland@{nginx.main.address}/user/header/x-user", "alice\n")
case("nginx", "--oauth2-bearer", HEADER + "authorization --oauth2-bearer token", "Bearer token\n")
case(
    "nginx",
    "URL: a 401 with a body",
    "listen {trust} {nginx.main}/denied",
    code=22,
    says=("401", 'Bearer realm="nginx"', "no entry without a token"),
)
case(
    "nginx",
    "--subprotocol",
    "listen -n 0 {trust} --subprotocol a --subprotocol b --format jsonl {nginx.main}/subprotocol",
    ANYTHING,
    record={"event": "open", "subprotocol": "b", "http_version": "1.1", "status": 101},
)
case("nginx", "-i", HEADER + "x-tls -i", "TLSv1.3\n", says=("< HTTP/1.1 101", "< Server: nginx"), conceals=("> GET",))
case(
    "nginx",
    "-v",
    HEADER + "x-tls -v -u alice:wonderland",
    "TLSv1.3\n",
    says=("* TLSv1.3", "CN=server", "> GET /header/x-tls", "> Authorization: (redacted)", "< HTTP/1.1 101"),
    conceals=("wonderland", "YWxpY2U6d29uZGVybGFuZA"),
)
TIMES = r"-w '%{{time_connect}} %{{time_appconnect}} %{{time_upgrade}} %{{http_code}} %{{remote_ip}}'"
SOME = r"(?!0\.0+ )\d+\.\d+"
case("nginx", "-w: times with TLS", HEADER + f"x-tls {TIMES}", pattern(rf"TLSv1\.3\n{SOME} {SOME} {SOME} 101 127\.0\.0\.1"))
case(
    "node-ws",
    "-w: times without TLS",
    f"listen -n 1 {{node}}/peer {TIMES}",
    pattern(rf"127\.0\.0\.1\n{SOME} 0\.0+ {SOME} 101 127\.0\.0\.1"),
)
case("nginx", "wss: much both ways", "send --whole --binary -n 1 --format raw {trust} {nginx.main}/echo", NOISE, stdin=NOISE)


# The head of the answer

case("nginx", "-D: a file", HEADER + "x-tls -D {tmp}/head", "TLSv1.3\n", wrote={"head": pattern(head(r"HTTP/1\.1 101"))})
case("nginx", "-D: stdout", HEADER + "x-tls -D -", pattern(head(r"HTTP/1\.1 101") + r"TLSv1\.3\n"))
case(
    "nginx",
    "-D: each answer of a redirect",
    "listen -L -n 1 {trust} {nginx.main}/302/header/x-tls --dump-header {tmp}/head",
    "TLSv1.3\n",
    wrote={"head": pattern(head(r"HTTP/1\.1 302") + head(r"HTTP/1\.1 101"))},
)
case(
    "nginx",
    "-D: a refusal",
    "listen {trust} {nginx.main}/denied -D {tmp}/head",
    code=22,
    says=("401",),
    wrote={"head": pattern(head(r"HTTP/1\.1 401"))},
)
