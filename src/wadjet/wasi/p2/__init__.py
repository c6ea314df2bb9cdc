"""WASI 0.2 over the host: interfaces as plain objects, their names in snake_case."""
