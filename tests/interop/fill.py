"""Configuration files of the real parts: templates in parts/, in which @NAME@ is filled in."""

import re


def fill(template, into, **values):
    """Writes the template with its values; a name without a value is a mistake."""
    into.write_text(re.sub(r"@(\w+)@", lambda found: str(values[found[1]]), template.read_text()))
    return into
