"""Components running: the Canonical ABI."""
