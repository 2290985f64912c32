"""How a table of cases is written down, and what several tables need."""

import re

from cases import Case

NOISE = bytes(range(256)) * 16384  # 4 MiB, larger than every buffer on the way


class Table(list):
    """Cases, in the order in which they are added."""

    def case(self, part, flag, arguments, stdout="", **checks):
        self.append(Case(part=part, flag=flag, arguments=arguments, stdout=stdout, **checks))


def pattern(text):
    return re.compile(text.encode(), re.DOTALL)


def head(start):
    """The head of an answer as HTTP has it, for a pattern; `start` is how its first line begins."""
    return rf"{start}[^\r\n]*\r\n([^\r\n]+\r\n)*\r\n"
