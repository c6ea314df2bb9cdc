"""Arrow 3b of the pipeline: LLVM text → object bytes. llvmlite enters the house here only."""
