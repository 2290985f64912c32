"""The messages of a conversation, and what their lengths on the wire say about who compressed them."""

import base64
import itertools
import json
import random

from judge import Mismatch, encoded

NOISE = random.Random(7692)
TWIN = NOISE.randbytes(75).hex()  # it fits into the smallest window, so a second one is short wherever there is context
DISTANCES = [600, 5000]
# zlib refers no further back than its window less this, MIN_LOOKAHEAD.
OUT_OF_REACH = 262


def event(number):
    return json.dumps({"id": number, "name": f"event {number % 7}", "price": number * 31 % 1000 / 100, "ok": number % 3 == 0})


MESSAGES = [
    "",
    "hello",
    TWIN,
    TWIN,
    *(NOISE.randbytes(distance) * 2 for distance in DISTANCES),
    b"",
    "repeated, " * 400,
    *(event(number) for number in range(30)),
    NOISE.randbytes(100_000),
    "\n".join(map(event, range(4000))),
    # Over 1 MiB, with characters of one to four bytes, so that no cut into fragments is safe by luck.
    "".join(f"{number:06} é € 😀\n" for number in range(60_000)),
    *(event(number) for number in range(30)),
    b"\x00",
    "",
]
LENGTHS = [len(encoded(message)) for message in MESSAGES]
FIRST_TWIN = MESSAGES.index(TWIN)
FIRST_REPEAT = FIRST_TWIN + 2


def record_of(message):
    return {"text": message} if isinstance(message, str) else {"base64": base64.b64encode(message).decode()}


RECORDS = "".join(json.dumps(record_of(message)) + "\n" for message in MESSAGES).encode()
PREFIXED = b"".join(len(encoded(message)).to_bytes(4, "big") + encoded(message) for message in MESSAGES)


def has_rsv1(who, traffic, is_compressed):
    """That just those messages are compressed whose lengths should make them so."""
    expected = [is_compressed(length) for length in LENGTHS]
    got = [rsv1 for rsv1, _ in traffic]
    if got != expected:
        pairs = itertools.zip_longest(expected, got)
        wrong = [number for number, (one, other) in enumerate(pairs) if one != other]
        raise Mismatch(f"RSV1 from {who} in {sum(expected)} of {len(expected)} messages", f"{sum(got)}; wrong are {wrong[:10]}")


def obeys(who, traffic, no_context, window_bits, level):
    """That the compressor kept to its parameters, and made use of what they leave it."""
    plain = [(length, got) for length, (rsv1, got) in zip(LENGTHS, traffic) if not rsv1]
    if any(length != got for length, got in plain):
        raise Mismatch(f"uncompressed messages from {who} as long as they are", plain)
    compressed = {number: length for number, (rsv1, length) in enumerate(traffic) if rsv1}
    if level == 0:
        # Nothing is searched for, so nothing gets shorter.
        if any(length < LENGTHS[number] for number, length in compressed.items()):
            raise Mismatch(f"no message from {who} shorter than it is", compressed)
        return
    if FIRST_TWIN in compressed:
        first, second = compressed[FIRST_TWIN], compressed[FIRST_TWIN + 1]
        # Who compresses afresh makes the same of the same.
        if first != second if no_context else second > first / 2:
            raise Mismatch(f"from {who}, with{'out' if no_context else ''} context, the same message twice", (first, second))
    for number, distance in enumerate(DISTANCES, FIRST_REPEAT):
        is_found = number in compressed and compressed[number] < 1.5 * distance
        is_within_reach = distance <= (1 << window_bits) - OUT_OF_REACH
        if is_found != is_within_reach:
            raise Mismatch(f"from {who}, with {window_bits} window bits, noise again after {distance} bytes", compressed)
