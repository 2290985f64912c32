"""What a case of a flag against a real part is, and how a run of it is judged.

Strings in a case are format strings: `{nginx.main}` is where that part is, `{tmp}` a folder of the case's own, which is
HOME too.
"""

import collections
import contextlib
import dataclasses
import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from judge import Mismatch, Outcome, attempt, ends, fits, only, shown
from parts import Parts
from processes import DEADLINE, finish, start

# The codes of the failures before a session is open: each such message says what to do.
HINTED = {3, 5, 6, 7, 8, 22, 28, 35, 47, 58, 60, 77, 90, 97}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """What is not named must be empty, absent, or 0."""

    part: str
    flag: str
    arguments: str
    stdout: str | bytes | re.Pattern = ""
    code: int = 0
    says: tuple = ()  # on stderr
    conceals: tuple = ()  # nowhere on stderr
    hint: bool = True
    stdin: bytes | None = None
    environment: dict = dataclasses.field(default_factory=dict)
    files: dict = dataclasses.field(default_factory=dict)  # in {tmp}, before the run
    wrote: dict = dataclasses.field(default_factory=dict)  # in {tmp}, after it
    heard: tuple = ()  # a log, and what the run adds to it
    record: dict = dataclasses.field(default_factory=dict)  # one such line of stdout
    least: float = 0  # seconds
    most: float = DEADLINE
    meanwhile: Callable | None = None  # with the parts and the child
    then: tuple = ()  # the arguments of a second run, and its stdout


def outcomes(cases, wanted):
    """How each wanted case went, with the case."""
    with contextlib.ExitStack() as running:
        parts = Parts(running, running.enter_context(tempfile.TemporaryDirectory()))
        for case in cases:
            if wanted(case.part, case.flag):
                yield case, Outcome(case.part, case.flag, attempt(play, case, parts))


def play(case, parts):
    with tempfile.TemporaryDirectory() as folder:
        names = collections.ChainMap({"tmp": folder}, parts)
        for name, content in case.files.items():
            Path(folder, name).write_text(filled(content, names))
        # Parts start when they are named, so everything is filled in before the clock runs.
        arguments, environment, expected = arguments_of(case, names), environment_of(case, names), expectations(case, names)
        with contextlib.ExitStack() as checks:
            if case.heard:
                checks.enter_context(hears(*(filled(text, names) for text in case.heard)))
            began = time.monotonic()
            run = run_of(case, parts, arguments, environment)
            took = time.monotonic() - began
            ends(run, **expected)
        judge_rest(case, names, run, took)
        if case.then:
            follow_up(case, names, environment)


def filled(text, names):
    return text.format_map(names) if isinstance(text, str) else text


def arguments_of(case, names):
    return shlex.split(filled(case.arguments, names))


def environment_of(case, names):
    return {"HOME": names["tmp"]} | {name: filled(value, names) for name, value in case.environment.items()}


def run_of(case, parts, arguments, environment):
    source = subprocess.DEVNULL if case.stdin is None else subprocess.PIPE
    with start(*arguments, stdin=source, environment=environment) as child:
        if case.meanwhile:
            case.meanwhile(parts, child)
        return finish(child, case.stdin)


def expectations(case, names):
    says = [filled(text, names) for text in case.says]
    hint = case.hint and case.code in HINTED
    return {"stdout": filled(case.stdout, names), "code": case.code, "stderr": stderr(says, hint) if says or hint else b""}


def stderr(says, hint):
    """These in any order; with a hint, which has a line of its own, below a line that begins with the program's name."""
    wanted = [re.escape(part.encode()) for part in says] + [rb"(^|\n)wspipe: [^\n]+\n(.*\n)?  hint: \S"] * hint
    return re.compile(b"".join(b"(?=.*%s)" % part for part in wanted) + b".*", re.DOTALL)


@contextlib.contextmanager
def hears(log, text):
    """Afterwards, the log gets such a line within the deadline: a part writes it when it likes."""
    log = Path(log)
    size = log.stat().st_size
    yield
    deadline = time.monotonic() + DEADLINE
    while text.encode() not in (added := log.read_bytes()[size:]):
        if time.monotonic() > deadline:
            raise Mismatch(f"{text!r} in the log", shown(added))
        time.sleep(0.01)


def judge_rest(case, names, run, took):
    for text in case.conceals:
        if text.encode() in run.stderr:
            raise Mismatch(f"no {text!r} on stderr", shown(run.stderr))
    if case.record:
        only(run.records(), **case.record)
    if not case.least <= took <= case.most:
        raise Mismatch(f"{case.least} to {case.most} s", f"{took:.3f} s")
    for name, expected in case.wrote.items():
        got = Path(names["tmp"], name).read_bytes()
        if not fits(expected, got):
            raise Mismatch(f"{name} {shown(expected)}", shown(got))


def follow_up(case, names, environment):
    arguments, stdout = (filled(text, names) for text in case.then)
    with start(*shlex.split(arguments), stdin=subprocess.DEVNULL, environment=environment) as child:
        ends(finish(child), stdout)
