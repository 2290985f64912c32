"""Child processes: wspipe and the servers, every one of which ends before the driver does."""

import contextlib
import functools
import json
import os
import queue
import subprocess
import threading
from pathlib import Path

from judge import Mismatch, encoded, shown

HERE = Path(__file__).resolve().parent
INSTALLED = Path(os.environ.get("INTEROP_INSTALLED", ""))
WSPIPE = os.environ.get("WSPIPE", "wspipe")
DEADLINE = 60.0  # seconds; generous, since it only decides when a hanging run is given up

# What wspipe reads from its surroundings, proxies aside: a case that wants one of these gives it.
READ_BY_WSPIPE = {"CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "NETRC"}

# A proxy from the surroundings would stand between wspipe and loopback.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy") and name not in READ_BY_WSPIPE
} | {"NODE_PATH": str(INSTALLED / "node" / "node_modules")}


@contextlib.contextmanager
def process(command, environment=None, **options):
    child = subprocess.Popen(command, env=ENVIRONMENT | (environment or {}), **options)
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout, child.stderr):
            # Closing stdin flushes what the child did not take.
            with contextlib.suppress(OSError):
                if stream:
                    stream.close()


def server_process(command):
    """A server of ours: it ends with its stdin too, however the driver ends, and says JSON on stdout."""
    return process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


class Server:
    """A running server of ours, and what it says on stdout."""

    def __init__(self, child):
        self._lines = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(child.stdout,), daemon=True).start()

    def _read(self, stdout):
        for line in stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)

    @functools.cached_property
    def url(self):
        return f"ws://127.0.0.1:{self.said('port')['port']}"

    def said(self, name):
        """The next line of that name; others are left over from cases that failed."""
        while True:
            try:
                line = self._lines.get(timeout=DEADLINE)
            except queue.Empty:
                raise Mismatch(f"{name} from the server", f"nothing within {DEADLINE:.0f}s") from None
            if line is None:
                raise Mismatch(f"{name} from the server", "the end of its stdout")
            if name in line:
                return line


class Run:
    """How a run of wspipe ended."""

    def __init__(self, stdout, stderr, code):
        self.stdout, self.stderr, self.code = stdout, stderr, code

    def records(self):
        return [json.loads(line) for line in self.stdout.splitlines()]


def start(*arguments, stdin=subprocess.PIPE, environment=None):
    return process([WSPIPE, *arguments], environment, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(child, stdin=None):
    try:
        stdout, stderr = child.communicate(stdin, timeout=DEADLINE)
    except subprocess.TimeoutExpired as late:
        got = Run(late.stdout or b"", late.stderr or b"", None)
        raise Mismatch(f"an end within {DEADLINE:.0f}s", f"stdout {shown(got.stdout)}, stderr {shown(got.stderr)}") from None
    return Run(stdout, stderr, child.returncode)


def wspipe(*arguments, stdin=None, environment=None):
    """Without `stdin` it is /dev/null; text is sent as UTF-8."""
    source = subprocess.DEVNULL if stdin is None else subprocess.PIPE
    with start(*arguments, stdin=source, environment=environment) as child:
        return finish(child, encoded(stdin))
