"""What can happen to a file: the ways in which the tests damage one."""

import random
import zlib


def damages(content, *, name, bits=24):
    """(what, damaged content) pairs, the same ones for the same name; `bits` flips in each of three places."""
    rng = random.Random(zlib.crc32(name.encode()))
    size = len(content)

    def flipped(first, last):
        place, changed = rng.randrange(first, last), bytearray(content)
        changed[place] ^= 1 << rng.randrange(8)
        return bytes(changed)

    def cleared():
        start = rng.randrange(size)
        return content[:start] + bytes(min(64, size - start)) + content[start + 64 :]

    def left_out():
        start = rng.randrange(size)
        return content[:start] + content[start + 32 :]

    found = [
        ("empty", b""),
        ("ten bytes", content[:10]),
        ("half", content[: size // 2]),
        ("all but one byte", content[:-1]),
        ("all but the checksum", content[:-71]),
        ("zeros", bytes(size)),
        ("junk behind", content + b"junk"),
        ("twice", content + content),
        ("noise", rng.randbytes(size)),
        ("a page of HTML", b"<html>404</html>"),
        ("an empty list", b"[]"),
        ("an empty object", b"{}"),
        ("null", b"null"),
        ("a number", b"17"),
        ("deep brackets", b"[" * 100_000),
        *((f"cut, {number}", content[: rng.randrange(size)]) for number in range(4)),
        *((f"a block of zeros, {number}", cleared()) for number in range(4)),
        *((f"a block left out, {number}", left_out()) for number in range(4)),
        *((f"a bit, {number}", flipped(0, size)) for number in range(bits)),
        *((f"a bit near the start, {number}", flipped(0, min(120, size))) for number in range(bits)),
        *((f"a bit near the end, {number}", flipped(max(0, size - 120), size)) for number in range(bits)),
    ]
    return [(what, damaged) for what, damaged in found if damaged != content]
