"""What users import: modules, instances and what they share. `wadjet` itself re-exports it."""
