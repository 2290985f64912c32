"""The way to the server: addresses, sockets, interfaces, and how long it may take."""

from flags.table import Table

TABLE = Table()
case = TABLE.case

case(
    "node-ws",
    "--resolve",
    "listen -n 1 --resolve ws.test:{node.port}:127.0.0.1 ws://ws.test:{node.port}/header/host",
    "ws.test:{node.port}\n",
)
case(
    "nginx",
    "--resolve: wss",
    "listen -n 1 {trust} --resolve a.ws.test:{nginx.main.port}:127.0.0.1 wss://a.ws.test:{nginx.main.port}/header/x-server-name",
    "a.ws.test\n",
)
case("node-ws", "--connect-to", "listen -n 1 --connect-to ws.test:80:{node.address} ws://ws.test/header/host", "ws.test\n")
case(
    "nginx",
    "--connect-to: wss",
    "listen -n 1 {trust} --connect-to ::{nginx.main.address} wss://ws.test/header/host/x-server-name -n 2",
    "ws.test\nws.test\n",
)
# The same server is at both addresses, and without the flag the first one is taken.
BOTH = "listen -n 1 {trust} wss://ws.test:{nginx.main.port}/header/x-address --resolve ws.test:{nginx.main.port}:"
case("nginx", "-4", BOTH + "[::1],127.0.0.1 -4", "127.0.0.1\n")
case("nginx", "-6", BOTH + "127.0.0.1,[::1] -6", "::1\n")
case("nginx", "-6: an address that is not", "listen {nginx.main}/ -6 {trust}", code=6, says=("no IPv6 address",))
case("node-ws", "--interface: an address", "listen -n 1 --interface 127.0.0.9 {node}/peer", "127.0.0.9\n")
case("node-ws", "--interface: a name", "listen -n 1 --interface lo {node}/peer", "127.0.0.1\n")
case("node-ws", "--interface: one that is not there", "listen --interface nosuch0 {node}/peer", code=7)
case("node-unix", "--unix-socket", "listen -n 1 --unix-socket {unix} ws://ws.test/peer", "a Unix socket\n")
case(
    "nginx",
    "--unix-socket: wss",
    "listen -n 1 {trust} --unix-socket {nginx.socket} wss://ws.test/header/x-server-name",
    "ws.test\n",
)
case("node-unix", "--unix-socket: the host of the URL", "listen -n 1 --unix-socket {unix} ws://ws.test/header/host", "ws.test\n")
case("node-unix", "ws+unix: URL", "listen -n 1 ws+unix://{unix}:/peer", "a Unix socket\n")
case("node-unix", "ws+unix: no such socket", "listen ws+unix://{tmp}/none.sock:/peer", code=7, says=("none.sock",))
case("no part", "URL: a name that is none", "listen ws://{closed_name}/", code=6, says=("{closed_name}",))
case("no part", "URL: nobody listens", "listen {closed}/", code=7, says=("{closed.address}",))
case("no part", "URL: malformed", "listen ws://127.0.0.1:port/", code=3)
case("microsocks", "ws: what is no HTTP server", "listen ws://{socks.address}/", code=8)
case(
    "nginx",
    "--connect-timeout: a server that never answers",
    "listen {trust} --connect-timeout 200ms {nginx.main}/silent",
    code=28,
    says=("--connect-timeout",),
    least=0.2,
)
case(
    "nginx",
    "-m: a server that never answers",
    "listen {trust} -m 200ms {nginx.main}/silent",
    code=28,
    says=("--max-time",),
    least=0.2,
)
