"""A session with a server is recorded, the recording is checked against the server, against the same server when it is broken,
and against itself as `wspipe serve --replay` plays it; the reports are read by programs that others wrote.
"""

import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path

from conversations import SERVERS
from judge import ANYTHING, Mismatch, Outcome, attempt, ends, naming, same
from processes import DEADLINE, ENVIRONMENT, WSPIPE, Server, server_process, wspipe

# What is said at the desk (see the servers' `desk`), as records, and what comes back.
SAID = """{"json":{"op":"login","user":"zoë"}}
{"hex":"000102ff"}
{"json":{"op":"add","a":20,"b":3}}
{"json":{"op":"bye"}}
"""
HEARD = '{"welcome":"zoë"}\nff020100\n{"sum":23}\n'


def recorded(server, folder):
    recording = folder / "session.jsonl"
    url = f"{server.url}/desk/0"
    ends(
        wspipe("connect", "--jsonl", "--format", "text", "--ok-close", "4000", "--record", str(recording), url, stdin=SAID),
        HEARD,
    )
    return str(recording)


def passes(server, folder):
    recording = recorded(server, folder)
    ends(wspipe("check", recording), naming("passed: 1 scenario, 9 of 9 steps passed"))
    ends(wspipe("check", "--url", f"{server.url}/desk/0", recording), naming("passed: 1 scenario"))


def fails_when_broken(server, folder):
    recording = recorded(server, folder)
    broken = wspipe("check", "--url", f"{server.url}/desk/1", recording)
    line = Path(recording).read_text().splitlines().index(next(line for line in Path(recording).read_text().splitlines() if "sum" in line)) + 1
    ends(broken, naming(f"FAILED line {line}: expect text", '-   "sum": 23', '+   "sum": 24', "failed: 1 of 1 scenario"), code=4)


def passes_against_itself(server, folder):
    recording = recorded(server, folder)
    check = f"'{WSPIPE}' check --url \"$WSPIPE_URL\" '{recording}'"
    ends(wspipe("serve", "--replay", recording, "--", "sh", "-c", check), naming("passed: 1 scenario, 9 of 9 steps passed"))
    # A client that does something else is told of.
    other = f"'{WSPIPE}' send -s \"$WSPIPE_URL\" other; true"
    departed = wspipe("serve", "--replay", recording, "--", "sh", "-c", other)
    ends(departed, stderr=naming("departed from", "session.jsonl:2", "came: text", "other"), code=4)


def junit_is_read(server, folder):
    recording, report = recorded(server, folder), folder / "report.xml"
    broken = wspipe("check", "--junit", str(report), "--url", f"{server.url}/desk/1", recording)
    ends(broken, ANYTHING, code=4)
    suites = xml.parse(report).getroot()
    (suite,) = suites.findall("testsuite")
    cases = suite.findall("testcase")
    counts = {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}
    same({"tests": len(cases), "failures": 1, "errors": 0, "skipped": len(suite.findall("testcase/skipped"))}, counts)
    (failure,) = suite.findall("testcase/failure")
    if '"sum": 24' not in failure.text:
        raise Mismatch('the difference in the failure, "sum": 24', failure.text)


def tap_is_accepted_by_prove(server, folder):
    recording = recorded(server, folder)
    for error, code, words in [("0", 0, "Result: PASS"), ("1", 1, "Failed test")]:
        command = ["prove", "-e", f"{WSPIPE} check --tap --url {server.url}/desk/{error}", recording]
        run = subprocess.run(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE, check=False)
        said = (run.stdout + run.stderr).decode()
        if run.returncode != code or words not in said or "Parse errors" in said:
            raise Mismatch(f"exit code {code} of prove and {words!r}", f"{run.returncode} and {said!r}")


CASES = {
    "record, then check: it passes": passes,
    "record, then check a broken server: 4, and the step": fails_when_broken,
    "record, then check what serve --replay plays": passes_against_itself,
    "check --junit, read by an XML parser": junit_is_read,
    "check --tap, by prove": tap_is_accepted_by_prove,
}


def outcomes(wanted):
    """How each wanted case went."""
    for peer, command in SERVERS.items():
        cases = {title: case for title, case in CASES.items() if wanted(peer, title)}
        if not cases:
            continue
        with server_process(command) as child:
            server = Server(child)
            for title, case in cases.items():
                folder = Path(tempfile.mkdtemp())
                yield Outcome(peer, title, attempt(case, server, folder))
                shutil.rmtree(folder)
