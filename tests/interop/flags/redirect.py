"""Redirects: which are followed, and what is not taken along.

/STATUS/..., /relative/... and /hop/N/... lead to the rest of the path at the same origin, /away/... to another port,
/away-host/... to another name, /away-wss/... to another port by a wss: URL, /down/... from wss to ws. /secret/same/...,
/secret/port/... and /secret/host/... refuse who comes without a secret.
"""

from flags.table import Table

TABLE = Table()
case = TABLE.case

TO = "{trust} {nginx.main}"
FOLLOW = f"listen -L -n 1 {TO}"

for status in (301, 302, 303, 307, 308):
    case("nginx", f"-L: redirect {status}", f"{FOLLOW}/{status}/header/x-port", "{nginx.main.port}\n")
    case("nginx", f"-L: redirect {status} without it", f"listen {TO}/{status}/peer", code=22, says=(f"{status}", "-L"))
case("nginx", "--location: redirect to a path", f"listen --location -n 1 {TO}/relative/header/x-tls", "TLSv1.3\n")
case("nginx", "-L: redirect to an https: URL", f"{FOLLOW}/away/header/x-port", "{nginx.tls12.port}\n")
case("nginx", "-L: redirect to a wss: URL", f"{FOLLOW}/away-wss/header/x-port", "{nginx.tls12.port}\n")
case("nginx", "-L: redirect to another host", f"{FOLLOW}/away-host/header/host", "localhost:{nginx.main.port}\n")
case("nginx", "-L: redirect to an ftp: URL", f"{FOLLOW}/nowhere", code=3, says=("ftp:",))
case("nginx", "-L: redirect from ws to wss", "listen -L -n 1 {trust} {nginx.plain}/up/header/x-tls", "TLSv1.3\n")
case("nginx", "-L: redirect to who is not trusted", "listen -L {nginx.plain}/up/header/x-tls", code=60, says=("CN=server",))
case("nginx", "-L: redirect from wss to ws", f"{FOLLOW}/down/header/x-port", code=22, says=("--allow-downgrade",))
case(
    "nginx",
    "--allow-downgrade: redirect from wss to ws",
    f"{FOLLOW}/down/header/x-port --allow-downgrade",
    "{nginx.plain.port}\n",
)
case("nginx", "-L: redirect in a loop", f"{FOLLOW}/loop", code=47, says=("50", "--max-redirs"))
case("nginx", "--max-redirs: as many redirects", f"{FOLLOW}/hop/3/header/x-tls --max-redirs 3", "TLSv1.3\n")
case(
    "nginx", "--max-redirs: one redirect too many", f"{FOLLOW}/hop/3/header/x-tls --max-redirs 2", code=47, says=("--max-redirs",)
)
case("nginx", "--max-redirs: no redirect at all", f"{FOLLOW}/302/header/x-tls --max-redirs 0", code=47, says=("--max-redirs",))
case(
    "nginx",
    "-w: where a redirect led",
    f"{FOLLOW}/302/header/x-tls -w '%{{{{url_effective}}}}'",
    "TLSv1.3\n{nginx.main}/header/x-tls",
)
case("nginx", "--subprotocol: kept in a redirect", f"{FOLLOW}/302/header/sec-websocket-protocol --subprotocol a", "a\n")
case("nginx", "-H: kept in a redirect to another host", f"{FOLLOW}/away-host/header/x-token -H 'X-Token: abc'", "abc\n")

# What is secret: the origin's own business

for flag, argument, header, value in [
    ("-u", "-u alice:wonderland", "authorization", "Basic YWxpY2U6d29uZGVybGFuZA=="),
    ("--oauth2-bearer", "--oauth2-bearer token", "authorization", "Bearer token"),
    ("-H Authorization", "-H 'Authorization: Bearer token'", "authorization", "Bearer token"),
    ("-H Cookie", "-H 'Cookie: a=1'", "cookie", "a=1"),
    ("-b", "-b a=1", "cookie", "a=1"),
]:
    case(
        "nginx",
        f"{flag}: kept in a redirect to the same origin",
        f"{FOLLOW}/secret/same/header/{header} {argument}",
        f"{value}\n",
    )
    case(
        "nginx", f"{flag}: dropped in a redirect to another host", f"{FOLLOW}/secret/host/header/{header} {argument}", "(none)\n"
    )
    case(
        "nginx", f"{flag}: dropped in a redirect to another port", f"{FOLLOW}/secret/port/header/{header} {argument}", "(none)\n"
    )

OWN = "listen -L -n 1 {trust} wss://alice:wonderland@{nginx.main.address}/secret"
case("nginx", "URL userinfo: kept in a redirect to the same origin", f"{OWN}/same/user/header/x-user", "alice\n")
case("nginx", "URL userinfo: dropped in a redirect to another host", f"{OWN}/host/header/authorization", "(none)\n")
case("nginx", "URL userinfo: dropped in a redirect to another port", f"{OWN}/port/header/authorization", "(none)\n")
