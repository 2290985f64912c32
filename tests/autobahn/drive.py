"""Runs the cases of the Autobahn test suite against wspipe, three ways, and prints a table a group.

Started by `run`, which installs what is needed. The library's session echoes as a client, by a program of its own
(`echo.rs`); `wspipe connect --jsonl` does, whose records are turned round here; and `wspipe serve` does as a server.
"""

import collections
import concurrent.futures
import contextlib
import datetime
import fnmatch
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
WSPIPE = os.environ["WSPIPE"]
ECHO = os.environ["ECHO"]
KOSOKU = os.environ["KOSOKU"]
DEADLINE = 600  # seconds for a case; the longest that one of the suite may take by itself is 480
ALL = 517  # cases of the suite
# Verdicts, the worst first; what is not among them is worse.
VERDICTS = ["FAILED", "UNIMPLEMENTED", "WRONG CODE", "UNCLEAN", "NON-STRICT", "INFORMATIONAL", "OK"]

GROUPS = {
    "1": "framing",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragmentation",
    "6": "UTF-8",
    "7": "closing handshake",
    "9": "limits and performance",
    "10": "fragments of other sizes than were sent",
    "12": "permessage-deflate",
    "13": "permessage-deflate with parameters",
}
# All but the cases of a thousand messages, and of those one that is short and one in fragments for each of their groups.
QUICK = [f"{group}.*" for group in GROUPS if group not in ("12", "13")] + [f"{group}.*.{case}" for group in (12, 13) for case in (3, 11)]
# Here the server asks for what it asks only of clients that have offered it by themselves.
HINTED = [f"13.{group}.{case}" for group in (2, 5, 6) for case in range(1, 19)]
HINT = "client_no_context_takeover"
# What the suite itself does not call right or wrong, and why. For everything else there is only OK.
INFORMATIONAL = {
    "7.1.6": "what was sent before a Close in the middle of a long message may be echoed or not",
    "7.13.1": "a Close with a code that RFC 6455 leaves undefined (5000): answered with 1002",
    "7.13.2": "a Close with a code that RFC 6455 leaves undefined (65535): answered with 1002",
}
# A message and a breach of the protocol come together; the breach is answered before the records are turned round, so
# that the message is not echoed, which is NON-STRICT.
BROKEN_MEANWHILE = {"3.2", "3.3", "3.4", "4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4", "4.2.5", "5.15"}
BY_RECORDS = "client: `connect`"


@contextlib.contextmanager
def running(command, **options):
    child = subprocess.Popen(command, **options)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def chosen(cases, without=()):
    included = [word for case in cases for word in ("--include", case)]
    return included + [word for case in without for word in ("--exclude", case)]


def worst(behaviors):
    return min(behaviors, key=lambda behavior: VERDICTS.index(behavior) if behavior in VERDICTS else -1)


def results(folder, count):
    """Behaviour and, if it is not right, why, by case, of which there must be so many."""
    (agent,) = json.loads((folder / "index.json").read_text()).values()
    if len(agent) != count:
        sys.exit(f"{len(agent)} of {count} cases were run")
    found = {}
    for case, result in agent.items():
        details = json.loads((folder / result["reportfile"]).read_text())
        verdict = worst([result["behavior"], result["behaviorClose"]])
        found[case] = (verdict, f"{details['result']} {details['resultClose']}")
    return found


def as_client(cases, run_all):
    """What a fuzzing server finds, having been connected to by `run_all` for each of its cases."""
    hinted = [case for case in HINTED if not cases or any(fnmatch.fnmatchcase(case, pattern) for pattern in cases)]
    plain = with_offer("", chosen(cases, HINTED), run_all)
    return plain | (with_offer(HINT, chosen(hinted), run_all) if hinted else {})


def with_offer(offer, selection, run_all):
    with tempfile.TemporaryDirectory() as folder:
        command = [KOSOKU, "--mode", "fuzzingserver", "--outdir", folder, *selection, "127.0.0.1:0"]
        with running(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
            said = server.stderr.readline()
            url = re.search(r"ws://\S+", said)
            if not url:
                sys.exit(f"the fuzzing server does not start: {said}{server.stderr.read()}")
            url = url[0]
            told = subprocess.run([WSPIPE, "listen", f"{url}/getCaseCount"], stdout=subprocess.PIPE, timeout=DEADLINE, check=True)
            count = int(told.stdout)
            if count == 0:
                return {}
            run_all(offer, [f"{url}/runCase?case={case + 1}&agent=wspipe" for case in range(count)])
            # It ends after this, without a Close.
            subprocess.run([WSPIPE, "listen", "--silent", f"{url}/updateReports?agent=wspipe"], timeout=DEADLINE)
            server.communicate(timeout=DEADLINE)
        return results(Path(folder), count)


def by_library(offer, urls):
    for url in urls:
        subprocess.run([ECHO, offer, url], check=True, timeout=DEADLINE)


def by_program(offer, urls):
    for url in urls:
        echo_by_records(offer, url)


def echo_by_records(offer, url):
    command = [WSPIPE, "connect", f"--compress={offer}", "--jsonl", "--silent", url]
    with running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(client.wait, DEADLINE).add_done_callback(lambda _: client.kill())
            for record in client.stdout:
                # It may have closed, or been closed, meanwhile.
                with contextlib.suppress(BrokenPipeError):
                    if b'"event":"message"' in record[:100]:
                        client.stdin.write(record)
                        client.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            client.stdin.close()
        client.stdout.close()


def as_server(cases, count):
    with tempfile.TemporaryDirectory() as folder, running([WSPIPE, "serve"], stdout=subprocess.PIPE, text=True) as server:
        url = server.stdout.readline().strip()
        command = [KOSOKU, "--mode", "fuzzingclient", "--outdir", folder, *chosen(cases), url]
        # It ends with 1 if a case went wrong.
        subprocess.run(command, stdout=subprocess.DEVNULL, timeout=DEADLINE * count)
        return results(Path(folder), count)


def is_right(way, case, behavior):
    if behavior == "NON-STRICT":
        return way == BY_RECORDS and case in BROKEN_MEANWHILE
    return behavior == "OK" or behavior == "INFORMATIONAL" and case in INFORMATIONAL


def order(case):
    return [int(part) for part in case.split(".")]


def told(outcomes, group):
    """How the cases of a group went, in a few words."""
    counts = collections.Counter(behavior for case, (behavior, _) in outcomes.items() if case.split(".")[0] == group)
    return ", ".join(f"{count} {behavior}" for behavior, count in sorted(counts.items(), key=lambda item: item[0] != "OK")) or "–"


def table(ways):
    rows = ["| cases | of what | " + " | ".join(ways) + " |", "|---|---|" + "---|" * len(ways)]
    for group, subject in GROUPS.items():
        cells = [told(outcomes, group) for outcomes in ways.values()]
        if set(cells) != {"–"}:
            rows.append(f"| {group} | {subject} | " + " | ".join(cells) + " |")
    rights = [sum(is_right(way, case, behavior) for case, (behavior, _) in outcomes.items()) for way, outcomes in ways.items()]
    sums = [f"{right} of {len(outcomes)}" for right, outcomes in zip(rights, ways.values())]
    return "\n".join([*rows, "| all | right | " + " | ".join(sums) + " |"])


def record(ways):
    """The page that is kept."""
    version = subprocess.run([WSPIPE, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    commit = subprocess.run(["git", "-C", HERE, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    suite = (HERE / "requirements.txt").read_text().splitlines()[-1]
    why = "\n".join(f"- {case}: {reason}." for case, reason in INFORMATIONAL.items())
    (HERE / "RESULTS.md").write_text(f"""# The Autobahn test suite

What `tests/autobahn/run` found on {datetime.date.today()}: {version} at {commit}, {suite.replace("==", " ")} with the case
files of the Autobahn test suite. The library's session and the program are clients of its fuzzing server, with
`--compress`; `wspipe serve` is the server of its fuzzing client. Through the program, whose records a script turns round,
two cases of each group of 12 and 13 are run, and all others.

{table(ways)}

INFORMATIONAL is what the suite itself does not call right or wrong:

{why}

NON-STRICT is that a message is not echoed that came together with a breach of the protocol ({", ".join(sorted(BROKEN_MEANWHILE))}):
while its record is turned round, the breach is answered by a Close.
""")


def main(arguments):
    # A SIGTERM must run the `finally` that ends the children.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    full = not arguments
    cases = QUICK if arguments == ["--quick"] else arguments
    by_itself = as_client(cases, by_library)
    if not by_itself or full and len(by_itself) != ALL:
        sys.exit(f"{len(by_itself)} cases were chosen" + f" of {ALL}" * full)
    ways = {
        "client: library": by_itself,
        BY_RECORDS: as_client(QUICK if full else cases, by_program),
        "server: `serve`": as_server(cases, len(by_itself)),
    }
    failed = 0
    for way, outcomes in ways.items():
        for case, (behavior, why) in sorted(outcomes.items(), key=lambda item: order(item[0])):
            if not is_right(way, case, behavior):
                failed += 1
                print(f"{behavior} {case} ({way}): {why}")
    print(table(ways))
    if full:
        record(ways)
    passed = sum(map(len, ways.values())) - failed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
