"""permessage-deflate (RFC 7692) with the libraries of others: wspipe as their server's client and as their client's server.

A client offers parameters, and a server may demand some. Here the server of a library demands what stands in the path,
/NAME/PARAMETERS as JSON, and echoes every message; its client offers what it reads on stdin to `wspipe serve`, and compares
what comes back. Once a connection is closed, each prints NAME with the parameters that it believes were agreed on, and what
it saw on the wire.
"""

from deflate import client, server


def outcomes(wanted):
    """How each wanted case went."""
    yield from client.outcomes(wanted)
    yield from server.outcomes(wanted)
