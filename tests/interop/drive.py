"""Runs wspipe against programs that others wrote, and checks stdout, stderr and exit code of every run.

Started by `run`, which installs them. The cases stand in `conversations`, by server, in `deflate`, by what is offered, in
`double`, by what `wspipe serve` stands in for, in `chain`, from a recording to its replay, in `k6`, by scenario, and in `flags`,
by flag.
"""

import signal
import sys

import cases
import chain
import conversations
import deflate
import double
import flags
import k6


def report(outcome):
    name = f"{outcome.part}: {outcome.title}"
    print(f"FAIL {name}\n{outcome.wrong}" if outcome.wrong else f"ok {name}", flush=True)
    return outcome


def table(rows):
    """Which flag was shown to do what it says, against what, as Markdown."""
    print("\n| flag | real part | exit code | ok |\n| --- | --- | --- | --- |")
    for case, outcome in rows:
        flag = case.flag.replace("|", "\\|")
        print(f"| {flag} | {case.part} | {case.code} | {'FAIL' if outcome.wrong else 'ok'} |")
    print()


def main(words):
    # A SIGTERM must run the `finally` that ends the children.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def wanted(part, title):
        return all(word in f"{part}: {title}" for word in words)

    outcomes = [report(outcome) for outcome in conversations.outcomes(wanted)]
    outcomes += [report(outcome) for outcome in deflate.outcomes(wanted)]
    outcomes += [report(outcome) for outcome in double.outcomes(wanted)]
    outcomes += [report(outcome) for outcome in chain.outcomes(wanted)]
    outcomes += [report(outcome) for outcome in k6.outcomes(wanted)]
    rows = [(case, report(outcome)) for case, outcome in cases.outcomes(flags.CASES, wanted)]
    outcomes += [outcome for _, outcome in rows]
    if not outcomes:
        sys.exit(f"no case contains {' and '.join(map(repr, words))}")
    if rows:
        table(rows)
    failed = sum(1 for outcome in outcomes if outcome.wrong)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
