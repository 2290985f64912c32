"""The parameters of RFC 7692 section 7.1, as dictionaries, and what an offer and a demand of them come to."""

import itertools

from judge import same

CLIENT_NO_CONTEXT, SERVER_NO_CONTEXT = "client_no_context_takeover", "server_no_context_takeover"
CLIENT_BITS, SERVER_BITS = "client_max_window_bits", "server_max_window_bits"

NOTHING = {}
EVERYTHING = {CLIENT_NO_CONTEXT: True, SERVER_NO_CONTEXT: True, CLIENT_BITS: 9, SERVER_BITS: 9}

# What holds if nobody says anything.
UNSAID = {CLIENT_NO_CONTEXT: False, SERVER_NO_CONTEXT: False, CLIENT_BITS: 15, SERVER_BITS: 15}


def combinations(client_bits, server_bits):
    """Every combination of parameters with these windows; None is for one that is left out."""
    names = [CLIENT_NO_CONTEXT, SERVER_NO_CONTEXT, CLIENT_BITS, SERVER_BITS]
    for values in itertools.product((None, True), (None, True), client_bits, server_bits):
        yield {name: value for name, value in zip(names, values) if value is not None}


def typed(parameters):
    return ",".join(name if value is True else f"{name}={value}" for name, value in parameters.items())


def agreed(offer, demand=NOTHING):
    """Of each parameter the stricter one."""
    agreement = dict(UNSAID)
    for name, value in [*offer.items(), *demand.items()]:
        if name in (CLIENT_NO_CONTEXT, SERVER_NO_CONTEXT):
            agreement[name] = True
        elif value is not True:
            agreement[name] = min(agreement[name], value)
    return agreement


def read(answer):
    """What a Sec-WebSocket-Extensions that accepts permessage-deflate says."""
    name, *parameters = [part.strip() for part in answer.split(";")]
    same("permessage-deflate", name)
    pairs = [parameter.partition("=") for parameter in parameters]
    return UNSAID | {name: int(value) if equals else True for name, equals, value in pairs}
