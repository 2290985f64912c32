"""Proxies: by flag, by environment, and when there is none."""

from flags.table import NOISE, Table

TABLE = Table()
case = TABLE.case

WS = "listen -n 1 {node}/peer"
WSS = "listen -n 1 {trust} {nginx.main}/header/x-address"
NAMED = "listen -n 1 ws://localhost:{node.port}/peer"
MUCH = "send --whole --binary -n 1 --format raw {trust} {nginx.main}/echo"

# What the log of a proxy says of a tunnel, where stdout does not show that there was one
TUNNEL_TO_NGINX = ("{tinyproxy.log}", "CONNECT {nginx.main.address} ")
TUNNEL_TO_NODE = ("{tinyproxy.log}", "CONNECT {node.address} ")

# HTTP's CONNECT

OPEN = "-x {tinyproxy}"
GUARDED = "-x {guarded}"

case("tinyproxy", "-x: http://", f"{WS} {OPEN}", "127.0.0.2\n")
case("tinyproxy", "-x: http:// and wss", f"{WSS} {OPEN}", "127.0.0.2\n")
case("tinyproxy", "--proxy: without a scheme", f"{WS} --proxy {{tinyproxy.address}}", "127.0.0.2\n")
case(
    "tinyproxy",
    "-x: the name goes to the proxy",
    f"{NAMED} {OPEN}",
    "127.0.0.2\n",
    heard=("{tinyproxy.log}", "CONNECT localhost:{node.port} "),
)
case("tinyproxy", "-x: much both ways", f"{MUCH} {OPEN}", NOISE, stdin=NOISE, heard=TUNNEL_TO_NGINX)
case("tinyproxy", "-x: refused with 403", f"listen ws://blocked.test/ {OPEN}", code=97, says=("403",))
case("tinyproxy", "-x: the proxy cannot reach the server", f"listen {{closed}}/ {OPEN}", code=97, says=("500",))
case(
    "tinyproxy",
    "-x: the server behind the proxy refuses",
    f"listen {{node}}/refuse {OPEN}",
    code=22,
    says=("401", "token expired"),
    hint=False,
    heard=TUNNEL_TO_NODE,
)
case(
    "tinyproxy",
    "-x: the server behind the proxy is not trusted",
    f"listen {{nginx.main}}/ {OPEN}",
    code=60,
    says=("{nginx.main.address}",),
    heard=TUNNEL_TO_NGINX,
)
case(
    "tinyproxy",
    "-L: redirect through a proxy",
    f"listen -L -n 1 {{trust}} {{nginx.main}}/away/header/x-address {OPEN}",
    "127.0.0.2\n",
)

case("tinyproxy", "-x: user and password in the URL", f"{WS} -x http://user:secret@{{guarded.address}}", "127.0.0.3\n")
case("tinyproxy", "-U", f"{WS} {GUARDED} -U user:secret", "127.0.0.3\n")
case("tinyproxy", "--proxy-user: wss", f"{WSS} {GUARDED} --proxy-user user:secret", "127.0.0.3\n")
case("tinyproxy", "-U: not given, 407", f"{WS} {GUARDED}", code=97, says=("407", "-U"))
case("tinyproxy", "-U: a wrong password", f"{WS} {GUARDED} -U user:wrong", code=97, says=("401",), conceals=("wrong",))
case("tinyproxy", "-u: not for the proxy, 407", f"{WS} {GUARDED} -u user:secret", code=97, says=("407", "-U"))
case(
    "tinyproxy",
    "-U, -u: the proxy's user and the server's are two",
    f"listen -n 1 {{trust}} {{nginx.main}}/user/header/x-user {GUARDED} -U user:secret -u alice:wonderland",
    "alice\n",
    heard=("{guarded.log}", "CONNECT {nginx.main.address} "),
)
case(
    "tinyproxy",
    "-U: not for the server",
    f"listen -n 2 {{node}}/header/proxy-authorization/authorization {GUARDED} -U user:secret",
    "(none)\n(none)\n",
    heard=("{guarded.log}", "CONNECT {node.address} "),
)
case(
    "tinyproxy",
    "-U: concealed by -v",
    f"{WS} {GUARDED} -U user:secret -v",
    "127.0.0.3\n",
    says=("< HTTP/1.1 101",),
    conceals=("secret", "dXNlcjpzZWNyZXQ"),
)
case(
    "tinyproxy",
    "-U: redirect to another host",
    f"listen -L -n 1 {{trust}} {{nginx.main}}/away-host/header/x-address {GUARDED} -U user:secret",
    "127.0.0.3\n",
)

case(
    "no part",
    "-x: nobody listens where the proxy is to be",
    f"{WS} -x http://{{closed.address}}",
    code=7,
    says=("{closed.address}", "proxy"),
)
case("no part", "-x: the proxy's name is none", f"{WS} -x http://{{closed_name}}:8080", code=5, says=("{closed_name}", "proxy"))
case("no part", "-x: a malformed proxy URL", f"{WS} -x http://127.0.0.1:port", code=3, says=("proxy",))
case("no part", "-x: a scheme that no proxy has", f"{WS} -x ftp://127.0.0.1:21", code=3, says=("ftp", "socks5h"))
case("microsocks", "-x: a proxy that speaks no HTTP", f"{WS} -x http://{{socks.address}}", code=97)

# What only this proxy sees: HAProxy lets nobody through to tinyproxy without it

GATE = "-x {haproxy.proxy_gate}"

case("HAProxy", "--proxy-header", f"{WS} {GATE} --proxy-header 'X-Trace: abc'", "127.0.0.2\n")
case("HAProxy", "--proxy-header: the proxy wants one", f"{WS} {GATE}", code=97, says=("403",))
case("HAProxy", "-H: not for the proxy", f"{WS} {GATE} -H 'X-Trace: abc'", code=97, says=("403",))
case(
    "HAProxy",
    "--proxy-header, -H: the proxy's and the server's are two",
    f"listen -n 1 {{node}}/header/x-trace {GATE} --proxy-header 'X-Trace: abc' -H 'X-Trace: own'",
    "own\n",
    heard=TUNNEL_TO_NODE,
)
case(
    "HAProxy",
    "--connect-timeout: a proxy that never answers",
    f"{WS} {GATE} --proxy-header 'X-Trace: wait' --connect-timeout 200ms",
    code=28,
    says=("--connect-timeout",),
    least=0.2,
)

# A proxy that is spoken to over TLS: HAProxy in front of tinyproxy, with a certificate of another authority than the server's

OVER_TLS = "-x {haproxy.proxy_tls}"
NOT_TRUSTED = {"code": 60, "says": ("{haproxy.proxy_tls.address}", "--proxy-cacert")}

case("HAProxy", "--proxy-cacert: https:// proxy", f"{WS} {OVER_TLS} --proxy-cacert {{tls.proxy_ca}}", "127.0.0.2\n")
case("HAProxy", "--proxy-cacert: https:// proxy and wss", f"{WSS} {OVER_TLS} --proxy-cacert {{tls.proxy_ca}}", "127.0.0.2\n")
case(
    "HAProxy",
    "--proxy-cacert: https:// proxy, much both ways",
    f"{MUCH} {OVER_TLS} --proxy-cacert {{tls.proxy_ca}}",
    NOISE,
    stdin=NOISE,
    heard=TUNNEL_TO_NGINX,
)
case("HAProxy", "--proxy-insecure: https:// proxy", f"{WS} {OVER_TLS} --proxy-insecure", "127.0.0.2\n")
case("HAProxy", "--proxy-cacert: not given for an https:// proxy", f"{WS} {OVER_TLS}", **NOT_TRUSTED)
case("HAProxy", "--cacert: not for the proxy", f"{WS} {OVER_TLS} --cacert {{tls.proxy_ca}}", **NOT_TRUSTED)
case("HAProxy", "-k: not for the proxy", f"{WS} {OVER_TLS} -k", **NOT_TRUSTED)
case(
    "HAProxy",
    "--proxy-insecure: not for the server behind the proxy",
    f"listen {{nginx.main}}/ {OVER_TLS} --proxy-insecure",
    code=60,
    says=("{nginx.main.address}", "--cacert"),
    heard=TUNNEL_TO_NGINX,
)
case(
    "HAProxy",
    "--proxy-cacert: not for the server behind the proxy",
    f"listen {{nginx.main}}/ {OVER_TLS} --proxy-cacert {{tls.proxy_ca}}",
    code=60,
    says=("{nginx.main.address}", "--cacert"),
    heard=TUNNEL_TO_NGINX,
)
case(
    "HAProxy",
    "--proxy-cacert: no such file for the proxy",
    f"{WS} {OVER_TLS} --proxy-cacert {{tmp}}/none.pem",
    code=77,
    says=("none.pem",),
)
case(
    "HAProxy",
    "-x: https:// to a proxy without TLS",
    f"{WS} -x https://{{haproxy.proxy_gate.address}} --proxy-insecure",
    code=35,
    says=("not TLS",),
)

# SOCKS5

SOCKS = "-x {socks}"
SOCKS_H = "-x socks5h://{socks.address}"

case("microsocks", "-x: socks5:// proxy", f"{WS} {SOCKS}", "127.0.0.4\n")
case("microsocks", "-x: socks5:// proxy and wss", f"{WSS} {SOCKS}", "127.0.0.4\n")
case("microsocks", "-x: socks5h:// proxy and wss", f"{WSS} {SOCKS_H}", "127.0.0.4\n")
case(
    "microsocks",
    "-x: socks5:// proxy, much both ways",
    f"{MUCH} {SOCKS}",
    NOISE,
    stdin=NOISE,
    heard=("{socks.log}", "connected to {nginx.main.address}"),
)
case(
    "microsocks",
    "-x: socks5:// proxy, the name is resolved here",
    f"{NAMED} -4 {SOCKS}",
    "127.0.0.4\n",
    heard=("{socks.log}", "connected to 127.0.0.1:{node.port}"),
)
case(
    "microsocks",
    "-x: socks5h:// proxy, the name goes to the proxy",
    f"{NAMED} {SOCKS_H}",
    "127.0.0.4\n",
    heard=("{socks.log}", "connected to localhost:{node.port}"),
)
case(
    "microsocks",
    "--resolve: with a socks5:// proxy",
    f"listen -n 1 --resolve ws.test:{{node.port}}:127.0.0.1 ws://ws.test:{{node.port}}/peer {SOCKS}",
    "127.0.0.4\n",
)
case(
    "microsocks",
    "-x: socks5:// proxy, a name that is none here",
    f"listen ws://{{closed_name}}/ {SOCKS}",
    code=6,
    says=("{closed_name}",),
)
case("microsocks", "-x: socks5h:// proxy, a name that is none there", f"listen ws://{{closed_name}}/ {SOCKS_H}", code=97)
case("microsocks", "-x: socks5:// proxy that cannot reach the server", f"listen {{closed}}/ {SOCKS}", code=97)
case("microsocks", "-U: socks5:// proxy", f"{WS} -x {{guarded_socks}} -U user:secret", "127.0.0.5\n")
case(
    "microsocks",
    "-x: socks5h:// proxy, user and password in the URL",
    f"{WS} -x socks5h://user:secret@{{guarded_socks.address}}",
    "127.0.0.5\n",
)
case("microsocks", "-U: not given to a socks5:// proxy", f"{WS} -x {{guarded_socks}}", code=97, says=("-U",))
case(
    "microsocks",
    "-U: a wrong password for a socks5:// proxy",
    f"{WS} -x {{guarded_socks}} -U user:wrong",
    code=97,
    says=("user and password", "-U"),
    conceals=("wrong",),
)
case("HAProxy", "-x: socks5:// to a proxy that speaks HTTP", f"{WS} -x socks5://{{haproxy.proxy_gate.address}}", code=97)

# Hosts without a proxy

DEAD = "http://{closed.address}"
RESOLVE = "--resolve a.ws.test:{node.port}:127.0.0.1"
for noproxy, url, direct in [
    ("127.0.0.1", "{node}", True),
    ("*", "{node}", True),
    ("a.test, 127.0.0.1", "{node}", True),
    ("127.0.0.0/8", "{node}", True),
    ("ws.test", "ws://a.ws.test:{node.port}", True),
    (".ws.test", "ws://a.ws.test:{node.port}", True),
    ("s.test", "ws://localhost:{node.port}", False),
    ("calhost", "ws://localhost:{node.port}", False),
    ("127.0.0.2", "{node}", False),
]:
    host = "127.0.0.1" if url == "{node}" else url.split("/")[2].split(":")[0]
    case(
        "tinyproxy",
        f"--noproxy: '{noproxy}' {'fits' if direct else 'does not fit'} {host}",
        f"listen -n 1 {url}/peer {RESOLVE} {OPEN} --noproxy '{noproxy}'",
        "127.0.0.1\n" if direct else "127.0.0.2\n",
    )

# The environment

for flag, arguments, environment, seen in [
    ("http_proxy", WS, {"http_proxy": "{tinyproxy}"}, "127.0.0.2"),
    ("http_proxy: not for wss", WSS, {"http_proxy": DEAD}, "127.0.0.1"),
    ("HTTP_PROXY: counts for nothing", WS, {"HTTP_PROXY": DEAD}, "127.0.0.1"),
    ("https_proxy", WSS, {"https_proxy": "{tinyproxy}"}, "127.0.0.2"),
    ("HTTPS_PROXY", WSS, {"HTTPS_PROXY": "{tinyproxy}"}, "127.0.0.2"),
    ("https_proxy: before HTTPS_PROXY", WSS, {"https_proxy": "{tinyproxy}", "HTTPS_PROXY": DEAD}, "127.0.0.2"),
    ("https_proxy, HTTPS_PROXY: not for ws", WS, {"https_proxy": DEAD, "HTTPS_PROXY": DEAD}, "127.0.0.1"),
    ("all_proxy: ws", WS, {"all_proxy": "{socks}"}, "127.0.0.4"),
    ("all_proxy: wss", WSS, {"all_proxy": "socks5h://{socks.address}"}, "127.0.0.4"),
    ("ALL_PROXY", WS, {"ALL_PROXY": "{tinyproxy}"}, "127.0.0.2"),
    ("all_proxy: before ALL_PROXY", WS, {"all_proxy": "{tinyproxy}", "ALL_PROXY": DEAD}, "127.0.0.2"),
    ("http_proxy: before all_proxy", WS, {"http_proxy": "{tinyproxy}", "all_proxy": DEAD}, "127.0.0.2"),
    ("http_proxy: user and password", WS, {"http_proxy": "http://user:secret@{guarded.address}"}, "127.0.0.3"),
    ("no_proxy", WS, {"http_proxy": DEAD, "no_proxy": "127.0.0.1"}, "127.0.0.1"),
    ("NO_PROXY", WS, {"http_proxy": DEAD, "NO_PROXY": "127.0.0.1"}, "127.0.0.1"),
    ("no_proxy: before NO_PROXY", WS, {"http_proxy": "{tinyproxy}", "no_proxy": "a.test", "NO_PROXY": "*"}, "127.0.0.2"),
    ("-x: before http_proxy", f"{WS} {OPEN}", {"http_proxy": DEAD}, "127.0.0.2"),
    ("-x '': before http_proxy", f"{WS} -x ''", {"http_proxy": DEAD}, "127.0.0.1"),
    ("--noproxy: before no_proxy", f"{WS} --noproxy a.test", {"http_proxy": "{tinyproxy}", "no_proxy": "*"}, "127.0.0.2"),
]:
    part = {"127.0.0.1": "no proxy", "127.0.0.4": "microsocks"}.get(seen, "tinyproxy")
    case(
        part, f"{flag}{',' if ':' in flag else ':'} a proxy from the environment", arguments, f"{seen}\n", environment=environment
    )
