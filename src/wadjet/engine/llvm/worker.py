"""A compiler in a process of its own: LLVM text in on stdin, object bytes out on stdout.

llvmlite holds one lock around every call, so a long optimisation in this process would hold up
every short compile beside it; a separate process does not, uses another core, and takes nothing
with it if the compiler fails. It ends with its input.

A request is (level: u32, length: u32, text in UTF-8); the answer is (length: u32, object), where
length 0 says that compilation failed.
"""

import struct
import sys
from typing import BinaryIO, Final

from wadjet.base.errors import EngineBug
from wadjet.engine.llvm.compile import compile_text
from wadjet.engine.llvm.target import host_target

REQUEST: Final = struct.Struct("<II")
ANSWER: Final = struct.Struct("<I")


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    while head := requests.read(REQUEST.size):
        level, length = REQUEST.unpack(head)
        text = requests.read(length).decode()
        try:
            image = compile_text(text, host_target(), level)
        except EngineBug:
            image = b""
        answers.write(ANSWER.pack(len(image)) + image)
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
