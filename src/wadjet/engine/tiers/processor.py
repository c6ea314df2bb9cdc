"""What this machine can do, as far as generated code depends on it: found without LLVM, which takes
longer to ask than a small program runs."""

import os
from functools import cache
from typing import Final

from wadjet.engine.contract.settings import Settings

#: Lines that tell processors apart, as x86 and Arm spell them.
_TELLING: Final = (
    "vendor_id", "cpu family", "model", "stepping", "flags",
    "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features",
)  # fmt: skip
#: Architecture → the features that emitters ask for, as LLVM names them, and as Linux does.
NAMED: Final[dict[str, dict[str, str]]] = {
    "x86_64": {
        "avx512vl": "avx512vl", "bmi": "bmi1", "lzcnt": "abm", "popcnt": "popcnt",
        "sse4.1": "sse4_1", "ssse3": "ssse3",
    },
    "aarch64": {},
}  # fmt: skip


@cache
def telling() -> str:
    """What the system says of the first processor (they are alike, as far as code goes); "" if it
    says nothing."""
    try:
        with open("/proc/cpuinfo", "rb") as file:
            first = file.read(1 << 14).partition(b"\n\n")[0].decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(line for line in first.splitlines() if line.startswith(_TELLING))


def architecture() -> str:
    """The first word of LLVM's triples: x86_64, aarch64, …"""
    return os.uname().machine


@cache
def host_settings() -> Settings:
    """How code for this machine is made where nobody asks for anything else. What the system does
    not tell of the processor is not made use of."""
    arch = architecture()
    flags: set[str] = set()
    for line in telling().splitlines():
        name, _, words = line.partition(":")
        if name.strip() == "flags":
            flags.update(words.split())
    names = NAMED.get(arch, {}).items()
    return Settings(arch=arch, features=tuple(sorted(n for n, flag in names if flag in flags)))
