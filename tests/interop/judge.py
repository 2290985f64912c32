"""What a run must have done: expected against got, and words for the difference."""

import hashlib
import re
from typing import NamedTuple


class Mismatch(Exception):
    def __init__(self, expected, got):
        super().__init__(f"    expected {expected}\n    got      {got}")


ANYTHING = re.compile(rb".*", re.DOTALL)


def ends(run, stdout=b"", stderr=b"", code=0):
    """What is not named must be empty. A pattern must match the whole."""
    wrong = [
        (f"{name} {shown(expected)}", f"{name} {shown(got)}")
        for name, expected, got in [("exit code", code, run.code), ("stdout", stdout, run.stdout), ("stderr", stderr, run.stderr)]
        if not fits(encoded(expected), got)
    ]
    if wrong:
        # The reason for a wrong exit code stands on stderr.
        hint = [] if any(got.startswith("stderr") for _, got in wrong) else [f"stderr {shown(run.stderr)}"]
        raise Mismatch(", ".join(expected for expected, _ in wrong), ", ".join([got for _, got in wrong] + hint))


def same(expected, got):
    if expected != got:
        raise Mismatch(shown(expected), shown(got))


def fits(expected, got):
    return expected.fullmatch(got) is not None if isinstance(expected, re.Pattern) else expected == got


def encoded(value):
    return value.encode() if isinstance(value, str) else value


def shown(value):
    if isinstance(value, re.Pattern):
        return "anything" if value is ANYTHING else f"matching {value.pattern.decode()}"
    value = encoded(value)
    if isinstance(value, bytes) and len(value) > 1000:
        return f"{value[:100]!r}... ({len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()[:16]})"
    return repr(value)


def only(records, **fields):
    """The one record that has these fields."""
    found = [record for record in records if fields.items() <= record.items()]
    if len(found) != 1:
        raise Mismatch(f"one record with {fields}", f"{len(found)} in {records}")
    return found[0]


def closing_line(code, reason):
    """The line that names the close code (in words too, where it has a name) and quotes the reason."""
    return re.compile(rb'closed by peer: %d( [a-z ]+)? "%s"\n' % (code, re.escape(reason.encode())))


def naming(*parts):
    """Contains each of these, in whatever order and case."""
    parts = [re.escape(part.encode()) for part in parts]
    return re.compile(b"".join(b"(?=.*%s)" % part for part in parts) + b".*", re.DOTALL | re.IGNORECASE)


def lines(values):
    return "".join(f"{value}\n" for value in values)


class Outcome(NamedTuple):
    """How a case went: `wrong` is what went wrong, or None."""

    part: str
    title: str
    wrong: str | None


def attempt(function, *arguments):
    """What went wrong, or None."""
    try:
        function(*arguments)
    except Mismatch as mismatch:
        return str(mismatch)
    except Exception as error:  # a record without a field, a header that is not there
        return f"    {type(error).__name__}: {error}"
    return None
