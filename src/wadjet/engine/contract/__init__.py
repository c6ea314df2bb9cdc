"""What compiler and runtime must agree on, in tables and without either of them."""
