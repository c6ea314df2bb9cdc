"""What a module is: types, instructions, the noun `Module`, and its arrows."""
