"""The real parts: nginx, HAProxy, tinyproxy, microsocks and Node's servers, on loopback and in a folder of their own.

Each is started when a case first names it. What it adds to what passes through it (a header, or the address that its
connections leave from) is how a case sees that a run came that way.
"""

import contextlib
import functools
import socket
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import certificates
from fill import fill
from judge import Mismatch
from processes import DEADLINE, HERE, Server, process, server_process

TEMPLATES = HERE / "parts"
LOOPBACK = "127.0.0.1"


class Endpoint(str):
    """The beginning of a URL; its port and its address for those flags that want these alone."""

    def __new__(cls, scheme, port, host=LOOPBACK):
        endpoint = super().__new__(cls, f"{scheme}://{host}:{port}")
        endpoint.port, endpoint.address = port, f"{host}:{port}"
        return endpoint


def bound(host, port=0):
    """A socket that keeps a port from everybody but a server that asks for just this one.

    It does not listen and has SO_REUSEADDR, so a server with SO_REUSEADDR may bind the port beside it, while the kernel
    gives it to nobody who asks for any. Until that server listens, a connection is refused.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    keeper = socket.socket(family, socket.SOCK_STREAM)
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        keeper.bind((host, port))
    except OSError:
        keeper.close()
        raise
    return keeper


def await_port(child, port, log):
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
            return
        time.sleep(0.01)
    raise Mismatch(f"{log.stem} listening on port {port}", f"ended with {child.returncode}: {log.read_text(errors='replace')}")


class Parts:
    """The parts by name, as the cases' format strings have them."""

    closed_name = "x" * 64 + ".invalid"  # too long for DNS, so that nobody is asked

    def __init__(self, running, folder):
        self._running = running
        self._folder = Path(folder)

    def __getitem__(self, name):
        return getattr(self, name)

    def reserve(self):
        """A port that is nobody's, for both families."""
        while True:
            with contextlib.ExitStack() as keepers:
                keeper = keepers.enter_context(bound(LOOPBACK))
                port = keeper.getsockname()[1]
                with contextlib.suppress(OSError):
                    keepers.enter_context(bound("::1", port))
                    self._running.push(keepers.pop_all())
                    return port

    def _endpoints(self, **schemes):
        return SimpleNamespace(**{name: Endpoint(scheme, self.reserve()) for name, scheme in schemes.items()})

    def _own_folder(self, name):
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def _start(self, name, command, endpoints):
        """Runs a program that others wrote until the end, and waits until it listens; its log."""
        log = self._folder / f"{name}.log"
        # However the driver ends, the kernel ends these too.
        command = ["setpriv", "--pdeathsig", "KILL", *map(str, command)]
        with open(log, "wb") as out:
            options = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": subprocess.STDOUT}
            child = self._running.enter_context(process(command, **options))
        for endpoint in endpoints:
            await_port(child, endpoint.port, log)
        return log

    def _node(self, script, *arguments):
        command = ["node", str(HERE / "node" / script), *map(str, arguments)]
        return Server(self._running.enter_context(server_process(command)))

    @functools.cached_property
    def tls(self):
        return certificates.make(self._folder / "tls")

    @property
    def trust(self):
        return f"--cacert {self.tls.ca}"

    @functools.cached_property
    def closed(self):
        return Endpoint("ws", self.reserve())

    @functools.cached_property
    def node(self):
        return Endpoint("ws", self._node("server.cjs").said("port")["port"])

    @functools.cached_property
    def late(self):
        """Where the server is only once it has been started there."""
        return Endpoint("ws", self.reserve())

    def start_late(self):
        self._node("server.cjs", self.late.port).said("port")

    @functools.cached_property
    def unix(self):
        path = self._folder / "node.sock"
        self._node("server.cjs", path).said("port")
        return path

    @functools.cached_property
    def node_http2(self):
        ports = self._node("http2.cjs", self.tls.server, self.tls.server_key).said("ports")["ports"]
        schemes = {"tls": "wss", "clear": "ws", "unextended": "wss"}
        return SimpleNamespace(**{name: Endpoint(scheme, ports[name]) for name, scheme in schemes.items()})

    @functools.cached_property
    def nginx(self):
        folder = self._own_folder("nginx")
        secure = ("main", "tls12", "tls13", "http2", "client_only", "expired", "other_host", "self_signed", "names")
        at = self._endpoints(plain="ws", **dict.fromkeys(secure, "wss"))
        ports, at.socket = dict(vars(at)), folder / "nginx.sock"
        users = folder / "users"
        users.write_text("alice:{PLAIN}wonderland\n")
        certificates_of = ("expired", "other_host", "self_signed", "named")
        identities = {f"{name}_certificate": getattr(self.tls, name) for name in certificates_of}
        identities |= {f"{name}_key": getattr(self.tls, name).with_suffix(".key") for name in certificates_of}
        config = fill(
            TEMPLATES / "nginx.conf",
            folder / "nginx.conf",
            proxied=fill(TEMPLATES / "proxied.conf", folder / "proxied.conf", node=self.node.address),
            users=users,
            socket=at.socket,
            ca=self.tls.ca,
            server=self.tls.server,
            server_key=self.tls.server_key,
            **identities,
            **{name: endpoint.port for name, endpoint in ports.items()},
        )
        self._start("nginx", ["nginx", "-e", "stderr", "-p", folder, "-c", config], ports.values())
        return at

    @functools.cached_property
    def haproxy(self):
        folder = self._own_folder("haproxy")
        at = self._endpoints(http2="wss", http1="wss", clear="ws", client_only="wss", proxy_tls="https", proxy_gate="http")
        config = fill(
            TEMPLATES / "haproxy.cfg",
            folder / "haproxy.cfg",
            server=self.tls.server_with_key,
            proxy=self.tls.proxy_with_key,
            ca=self.tls.ca,
            node=self.node.address,
            tinyproxy=self.tinyproxy.address,
            **{name: endpoint.port for name, endpoint in vars(at).items()},
        )
        at.log = self._start("haproxy", ["haproxy", "-db", "-f", config], list(vars(at).values()))
        return at

    def _tinyproxy(self, name, leaves_from, users=""):
        folder = self._own_folder(name)
        endpoint = Endpoint("http", self.reserve())
        blocked = folder / "filter"
        blocked.write_text("^blocked\\.test$\n")
        values = {"port": endpoint.port, "leaves_from": leaves_from, "folder": folder, "filter": blocked, "users": users}
        config = fill(TEMPLATES / "tinyproxy.conf", folder / "tinyproxy.conf", **values)
        endpoint.log = self._start(name, ["tinyproxy", "-d", "-c", config], [endpoint])
        return endpoint

    @functools.cached_property
    def tinyproxy(self):
        return self._tinyproxy("tinyproxy", "127.0.0.2")

    @functools.cached_property
    def guarded(self):
        return self._tinyproxy("guarded", "127.0.0.3", "BasicAuth user secret")

    def _microsocks(self, name, leaves_from, *options):
        endpoint = Endpoint("socks5", self.reserve())
        command = ["microsocks", "-i", LOOPBACK, "-p", endpoint.port, "-b", leaves_from, *options]
        endpoint.log = self._start(name, command, [endpoint])
        return endpoint

    @functools.cached_property
    def socks(self):
        return self._microsocks("socks", "127.0.0.4")

    @functools.cached_property
    def guarded_socks(self):
        return self._microsocks("guarded-socks", "127.0.0.5", "-u", "user", "-P", "secret")
