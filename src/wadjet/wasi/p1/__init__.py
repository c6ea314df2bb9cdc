"""WASI 0.1 (`wasi_snapshot_preview1`, `wasi_unstable`): a thin skin over `wadjet.wasi.host`."""
