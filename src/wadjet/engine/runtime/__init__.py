"""The running half: stores, instances and what is in them, machine code in memory."""
