"""Runs wspipe against programs that others wrote, and checks stdout, stderr and exit code of every run.

Started by `run`, which installs them. The cases stand in `conversations`.
"""

import signal
import sys

import conversations


def report(outcome):
    name = f"{outcome.part}: {outcome.title}"
    print(f"FAIL {name}\n{outcome.wrong}" if outcome.wrong else f"ok {name}", flush=True)
    return outcome


def main(words):
    # A SIGTERM must run the `finally` that ends the children.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def wanted(part, title):
        return all(word in f"{part}: {title}" for word in words)

    outcomes = [report(outcome) for outcome in conversations.outcomes(wanted)]
    if not outcomes:
        sys.exit(f"no case contains {' and '.join(map(repr, words))}")
    failed = sum(1 for outcome in outcomes if outcome.wrong)
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
