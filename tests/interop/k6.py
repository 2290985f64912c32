"""Scenarios exported with `wspipe check --export k6`, run on Node.js with stand-ins for k6's modules, against the server of a
library: whether a script does and finds what the scenario says.

k6 itself is not among the programs that can be installed everywhere; node/k6/modules.mjs says what of it is kept.
"""

import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from conversations import SERVERS
from judge import Mismatch, Outcome, attempt, same
from processes import DEADLINE, ENVIRONMENT, HERE, Run, Server, server_process, wspipe

PEER = "node-ws"
HEADER = {"event": "scenario", "version": 1}


class Case(NamedTuple):
    title: str
    path: str
    records: list
    fails: int | None = None  # the line of the step that fails
    says: str = ""  # on stderr
    code: int = 0
    flags: tuple = ()
    opening: dict = {}
    environment: dict = {}


def peer(**expected):
    return {"from": "peer", **expected}


CASES = [
    Case("text, json and binary come back", "echo", [
        {"text": "one \"two\" \\ \n \u2028 ä 😀"}, peer(text="one \"two\" \\ \n \u2028 ä 😀"),
        {"json": {"b": 1.50, "a": ["x", None, True]}}, peer(json={"a": ["x", None, True], "b": 1.50}),
        {"hex": "00ff80"}, peer(hex="00ff80"), {"base64": "AAE="}, peer(base64="AAE=", opcode="binary", length=2),
        {"text": "ä", "opcode": "binary"}, peer(text="ä", opcode="binary", length=2),
    ]),
    Case("regular expressions mean what they mean in Rust", "echo", [
        {"text": "id-\u0667 K\u212a"}, peer(regex="^id-\\d (?i:kk)$"),
        {"text": "a\rb"}, peer(regex="^a.b$"),
        {"text": "a.b[c]"}, peer(regex="^{{dotted}}\\[\\w\\]$"),
    ], flags=("--var", "dotted=a.b")),
    Case("a regular expression that matches nothing", "echo", [
        {"text": "axb"}, peer(regex="^{{dotted}}$"),
    ], fails=4, says="the regex matches nothing in it", flags=("--var", "dotted=a.b")),
    Case("paths and comparisons of jq", "echo", [
        {"json": {"a": {"b c": [1, "x", {"z": -2.5e0}]}, "n": 10, "t": True, "z": None, "f": False}},
        peer(jq='.a."b c"[1] == "x" and .n > 9 and .n <= 10.0 and .t and .["z"] == null and .nothing.at.all == null'),
        {"json": [1.0, 12345678901234567891]}, peer(jq=".[0] == 1 and .[-1] > 5 and .[9] == null"),
        {"text": '"text"'}, peer(jq=". != \"other\" and . > 5 and (. == \"text\" or .n)"),
    ]),
    Case("a comparison that is false", "echo", [{"json": {"n": 1}}, peer(jq=".n == 2")], fails=4, says="jq gives false"),
    Case("a path that leads nowhere", "echo", [{"json": [1]}, peer(jq=".n")], fails=4, says="jq cannot go there"),
    Case("a number of more digits than JavaScript has", "echo", [
        {"text": '{"id":12345678901234567890.50,"s":"n1 \\" s"}'},
        peer(capture={"id": ".id", "s": ".s", "all": "."}),
        {"json": {"back": "{{id}}", "s": "<{{s}}>"}}, peer(text='{"back":12345678901234567890.50,"s":"<n1 \\" s>"}'),
        {"text": "{{all}}"}, peer(text='{"id":12345678901234567890.50,"s":"n1 \\" s"}'),
        {"text": "[12345678901234567891]"}, peer(json=[12345678901234567890]),
    ], fails=10, says="it means something else"),
    Case("captures are compared", "echo", [
        {"json": {"id": 7, "name": "x"}}, peer(capture={"id": ".id", "name": ".name"}),
        {"json": {"id": "{{id}}", "name": "{{name}}"}}, peer(jq='.id == {{id}} and .name == "{{name}}"'),
    ]),
    Case("pings and pongs", "ping", [peer(event="ping"), peer(text="pong received: are you there?"), {"event": "ping"}, peer(event="pong")]),
    Case("other messages are skipped", "push/100", [peer(text="50", skip=True), peer(text="51")]),
    Case("other messages are not skipped", "push/100", [peer(text="50")], fails=3, says="it is another"),
    Case("silence", "echo", [peer(none="50ms")]),
    Case("silence that is broken", "push/1", [peer(none="5s")], fails=3, says="came: text"),
    Case("nothing comes", "echo", [peer(text="x", within="50ms")], fails=3, says="nothing came within 50 ms"),
    Case("the peer closes", "close/4000/bye", [peer(text="bye"), peer(event="close", code=4000, reason="bye")]),
    Case("the peer closes with another code", "close/4000/bye", [
        peer(event="close", code=4001, skip=True),
    ], fails=3, says='closed by peer: 4000 "bye"'),
    Case("a message where the Close was expected", "close/4000/bye", [peer(event="close")], fails=3, says="came: text"),
    Case("the Close comes where a message was expected", "close/1008/no", [
        peer(text="bye"), peer(),
    ], fails=4, says='closed by peer: 1008 "no"'),
    Case("we close", "echo", [{"event": "close", "code": 4001, "reason": "done"}]),
    Case("we close, and the answer is expected", "echo", [{"event": "close", "code": 3000}, peer(event="close", code=3000)]),
    Case("it is opened again", "echo", [{"event": "close"}, {"event": "open", "url": "{url}/close/4000/x"}, peer(text="bye")]),
    Case("several connections", "echo", [
        {"event": "open", "conn": "a", "url": "{url}/echo"}, {"event": "open", "conn": "b", "url": "{url}/close/4000/b"},
        {"conn": "a", "text": "x"}, {"conn": "b", **peer(text="bye")}, {"conn": "a", **peer(text="x")},
    ]),
    Case("headers, with a secret of the environment", "header/x-a/x-secret", [
        peer(text="1"), peer(text="Bearer t\"o"),
    ], opening={"headers": {"X-A": "1", "X-Secret": "Bearer {{env.SECRET}}"}}, environment={"SECRET": "t\"o"}),
    Case("a subprotocol", "subprotocol", [{"text": "x"}], opening={"subprotocol": "p"}),
    Case("the environment has no such variable", "echo", [{"text": "{{env.NOT_THERE}}"}], code=107, says="no NOT_THERE"),
    Case("the server refuses", "refuse", [{"text": "x"}], fails=2, says="401"),
]


def outcomes(wanted):
    """How each wanted case went."""
    cases = [case for case in CASES if wanted(PEER, f"k6: {case.title}")]
    if not cases:
        return
    with server_process(SERVERS[PEER]) as child:
        server = Server(child)
        for case in cases:
            yield Outcome(PEER, f"k6: {case.title}", attempt(play, case, server))


def play(case, server):
    with tempfile.TemporaryDirectory() as folder:
        exported = wspipe("check", "--export", "k6", *case.flags, "-", stdin=scenario(case, server))
        same((b"", 0), (exported.stderr, exported.code))
        script = Path(folder, "script.mjs")
        script.write_bytes(exported.stdout)
        if any(secret.encode() in exported.stdout for secret in case.environment.values()):
            raise Mismatch("no secret in the script", case.environment)
        judge(case, script_run(script, case.environment))
    agrees(case, wspipe("check", *case.flags, "-", stdin=scenario(case, server), environment=case.environment))


def agrees(case, run):
    """wspipe itself fails at the same step."""
    failed = re.findall(r"^ +(?:FAILED|ERROR) +line (\d+)", run.stdout.decode(), re.MULTILINE)
    same([str(case.fails)] if case.fails else [], failed)
    same(case.fails is None and not case.code, run.code == 0)


def scenario(case, server):
    opening = {"event": "open", "url": f"{server.url}/{case.path}", **case.opening}
    own = any("conn" in record for record in case.records)
    records = [HEADER, *([] if own else [opening]), *case.records]
    return "".join(json.dumps(record).replace("{url}", server.url) + "\n" for record in records)


def script_run(script, environment):
    command = ["node", str(HERE / "node" / "k6" / "run.mjs"), str(script)]
    run = subprocess.run(command, env=ENVIRONMENT | environment, capture_output=True, timeout=DEADLINE, stdin=subprocess.DEVNULL)
    return Run(run.stdout, run.stderr, run.returncode)


def judge(case, run):
    """Every step up to the one that fails has passed, and none comes after it."""
    code = case.code or (99 if case.fails else 0)
    text = run.stdout.decode() + run.stderr.decode()
    if run.code != code or case.says not in run.stderr.decode() or (not case.says and run.stderr):
        raise Mismatch(f"exit code {code}, and {case.says!r} on stderr", f"exit code {run.code}: {text}")
    told = re.findall(r"^(ok|FAIL) line (\d+)", run.stdout.decode(), re.MULTILINE)
    failed = [int(line) for word, line in told if word == "FAIL"]
    if failed != ([case.fails] if case.fails else []):
        raise Mismatch(f"the step of line {case.fails} fails", text)
    steps = len(case.records) + (not any("conn" in record for record in case.records))
    if code == 0 and len(told) != steps:
        raise Mismatch(f"{steps} steps", text)
