"""wadjet: WebAssembly for Python."""
