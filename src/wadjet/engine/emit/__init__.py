"""Arrow 3a of the pipeline: valid functions → LLVM text. Pure text, no LLVM in sight."""
