"""Retries: after what, how often, and how long between."""

from flags.table import Table

TABLE = Table()
case = TABLE.case

TO = "{trust} {nginx.main}"
QUICK = "--retry-delay 10ms"


def refused(name):
    """How often the server refused that name, which is how often it was asked in vain."""
    return f"listen -n 1 {TO}/refused/{name}"


def start_late(parts, child):
    """The server is there only once an attempt has failed; a line says when the next one is."""
    while line := child.stderr.readline():
        if b"next try" in line:
            return parts.start_late()


def succeeds(flag, options, path, *pauses, least=0):
    """The session opens in the end; before each further try, a line says when it will be."""
    says = tuple(f"; next try in {pause}, " for pause in pauses)
    case("nginx", flag, f"listen -n 1 {options} {TO}/refuse-first/{path}", "accepted\n", says=says, least=least)


for status in (408, 429, 500, 502, 503, 504):
    succeeds(f"--retry: {status}", f"--retry 2 {QUICK}", f"{status}/2/-/{status}", "10ms")
case(
    "nginx",
    "--retry: as often as it says",
    f"listen --retry 1 {QUICK} {TO}/refuse-first/503/9/-/often",
    code=22,
    says=("503",),
    then=(refused("often"), "2\n"),
)
case(
    "nginx",
    "--retry: not given",
    f"listen {TO}/refuse-first/503/9/1/once",
    code=22,
    says=("503", "--retry"),
    then=(refused("once"), "1\n"),
)
case(
    "nginx",
    "--retry: not after 401",
    f"listen --retry 2 {QUICK} {TO}/refuse-first/401/9/-/final",
    code=22,
    says=("401",),
    hint=False,
    then=(refused("final"), "1\n"),
)
succeeds("--retry-all-errors: retry after 401", f"--retry 1 --retry-all-errors {QUICK}", "401/1/-/all", "10ms")
case(
    "nginx",
    "--retry: a session that opened is not retried",
    f"listen --retry 2 --retry-all-errors {QUICK} {TO}/close/1011/no",
    "bye\n",
    code=111,
    says=("1011",),
)

# How long between

succeeds("--retry: Retry-After", f"--retry 1 {QUICK}", "503/1/1/after", "1s", least=1)
succeeds("--retry: a second, and then two", "--retry 2", "503/2/-/doubled", "1s", "2s", least=3)
succeeds("--retry-delay", "--retry 1 --retry-delay 600ms", "503/1/-/delay", "600ms", least=0.6)
case("nginx", "--retry: always 503", f"listen --retry 1 {TO}/unavailable", code=22, says=("503", "back in a second"), least=1)
case(
    "nginx",
    "--retry-max-time: a retry would be too late",
    f"listen --retry 3 --retry-max-time 2s {TO}/refuse-first/503/9/50/max-time",
    code=22,
    says=("503",),
    most=40,
    then=(refused("max-time"), "1\n"),
)
case(
    "nginx",
    "--retry: -m is for each attempt",
    f"listen --retry 1 {QUICK} -m 300ms {TO}/silent",
    code=28,
    says=("--max-time",),
    least=0.6,
)

# Nobody there

NOBODY = "listen {closed}/"
case(
    "no part",
    "--retry: not after a refused connection",
    f"{NOBODY} --retry 1 --retry-delay 50s",
    code=7,
    says=("--retry-connrefused",),
    most=40,
)
case(
    "no part",
    "--retry-connrefused: retry in vain",
    f"{NOBODY} --retry 3 --retry-delay 200ms --retry-connrefused",
    code=7,
    least=0.6,
)
case(
    "node-ws",
    "--retry-connrefused: retry until somebody is there",
    "listen -v -n 1 --retry 100 --retry-delay 100ms --retry-connrefused {late}/peer",
    "127.0.0.1\n",
    says=("< HTTP/1.1 101",),
    meanwhile=start_late,
)
