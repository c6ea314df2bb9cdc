"""`.wast` scripts, in which the official tests are written: read them and run them."""
