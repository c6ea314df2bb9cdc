"""HTTP, without any ABI: messages, fields, and the two ends of a connection.

The protocol itself is kept by libraries that are imported when they are needed: h11 for HTTP/1.1,
h2 for HTTP/2 (`pip install wadjet[http]`).
"""
