"""WASI 0.1 whole: what a module that imports `wasi_snapshot_preview1` is given."""

import struct
from collections.abc import Callable
from operator import and_
from typing import final

from wadjet.base.errors import Error, Trap
from wadjet.core.types import I64, FuncType
from wadjet.wasi.host.errors import Code, HostError, code_of
from wadjet.wasi.p1.abi import (
    ERRNO,
    SIGNATURES,
    UNSTABLE_CLOCK_AT,
    UNSTABLE_FILESTAT,
    UNSTABLE_SUBSCRIPTION_SIZE,
    UNSTABLE_WHENCE,
)
from wadjet.wasi.p1.paths import PathFunctions
from wadjet.wasi.p1.sockets import SocketFunctions
from wadjet.wasi.p1.waiting import WaitingFunctions

HostFunction = Callable[..., int | None]


class P1(PathFunctions, WaitingFunctions, SocketFunctions):
    """One guest's WASI 0.1: its functions, over the descriptors and the memory of `State`.

        p1 = P1(Wasi(args=["app"]))
        imports = {P1.module: {name: f for name, (_, f) in p1.functions().items()}}
        p1.memory = …                                # once there is an instance
        try: …                                       # call `_start`
        finally: p1.close()

    A function takes its arguments as integers, signed or not, and returns an `$errno`. It raises
    `wadjet.Trap` for a pointer that leads out of the guest's memory or is not aligned, and
    `wadjet.Exit` where the guest ends itself.
    """

    #: the name under which modules import these functions
    module = "wasi_snapshot_preview1"

    @classmethod
    def over(cls, other: "P1") -> "P1":
        """This edition's functions over the very state of another: one guest may import both."""
        made = cls.__new__(cls)
        made.__dict__ = other.__dict__
        return made

    def functions(self) -> dict[str, tuple[FuncType, HostFunction]]:
        """Every function by its name, with its type."""
        return {
            name: (signature, _guarded(getattr(self, name), signature))
            for name, signature in SIGNATURES.items()
        }


@final
class Unstable(P1):
    """The same as first published, under the name `wasi_unstable`, with some older layouts."""

    module = "wasi_unstable"
    whence = UNSTABLE_WHENCE
    filestat = UNSTABLE_FILESTAT
    max_links = (1 << 32) - 1
    clock_at = UNSTABLE_CLOCK_AT
    subscription_size = UNSTABLE_SUBSCRIPTION_SIZE

    def functions(self) -> dict[str, tuple[FuncType, HostFunction]]:
        """Every function by its name, with its type; sockets could not be accepted yet."""
        functions = super().functions()
        del functions["sock_accept"]
        return functions


def _guarded(body: HostFunction, signature: FuncType) -> HostFunction:
    """`body` as a guest may call it: unsigned arguments in, error numbers or traps out."""
    masks = tuple((1 << (64 if t is I64 else 32)) - 1 for t in signature.params)

    def call(*args: int) -> int | None:
        try:
            if args and min(args) < 0:
                return body(*map(and_, args, masks))
            return body(*args)
        except Error:  # among them `Timeout`, which is an OSError too
            raise
        except (HostError, OSError) as error:
            return ERRNO[code_of(error)]
        except struct.error:
            raise Trap("out of bounds memory access") from None
        except MemoryError:
            return ERRNO[Code.INSUFFICIENT_MEMORY]

    return call
