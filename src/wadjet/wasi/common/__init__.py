"""What WASI 0.2 and 0.3 have in common: the forms of values, and behaviour of the same names."""
