"""A compiler that takes about as long as reading the function, for x86-64.

One `walk` over a body gives machine code, after a short `survey`: `function` is the vocabulary,
`selection` says how each row of the instruction table is encoded, `x86` knows the encodings. What
has no encoding here goes through a function of its own that LLVM makes from the emitter for that
instruction (`rows`).
"""
