"""Digests that name contents: nobody can make two contents with the same one.

BLAKE2b, taken from where `hashlib` takes it: that loads OpenSSL as well, which takes longer than a
small program needs for all of its digests.
"""

try:
    from _blake2 import blake2b
except ImportError:  # an interpreter that keeps it elsewhere
    from hashlib import blake2b

#: Bytes of a digest.
SIZE = 32


def digest(data: bytes | memoryview, *more: bytes) -> bytes:
    """The digest of these bytes, one after the other: 32 bytes."""
    made = blake2b(data, digest_size=SIZE)
    for each in more:
        made.update(each)
    return made.digest()
