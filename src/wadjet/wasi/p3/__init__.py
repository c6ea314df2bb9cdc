"""WASI 0.3 over the host: what waits is awaited, what flows is a stream.

A function that its interface calls async is one here only if it may have to wait.
"""
