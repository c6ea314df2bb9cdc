"""Floor 0: what every other room may lean on (errors, places, LEB128)."""
