"""The nouns of the standard's chapter 4, and what makes machine code run."""
