"""The heap of a store: structs, arrays, and what guests hold by reference alone."""
