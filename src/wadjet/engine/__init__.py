"""Core modules running: compiler, runtime, heap, and the tiers that put them together."""
