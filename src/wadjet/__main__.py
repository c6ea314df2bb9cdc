"""`python -m wadjet`: the same as the command `wadjet`."""

from wadjet.cli import process

if __name__ == "__main__":
    process()
