"""The world outside the guest, without any ABI: files, clocks, randomness, streams, sockets.

Every edition of WASI is a thin skin over this room. Nothing here knows guest memory, numbers of
descriptors or an edition's error numbers.
"""
