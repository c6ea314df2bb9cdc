"""What machine code is made for."""

from wadjet.base.records import dataclass
from functools import cache
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Target:
    """A machine as LLVM names it. Part of every cache key."""

    triple: str
    cpu: str
    features: str

    @property
    def arch(self) -> str:
        """The first word of the triple: x86_64, aarch64, …"""
        return self.triple.partition("-")[0]

    def narrow(self) -> "Target":
        """The same without AVX-512, whose registers beyond the sixteenth make code longer."""
        if self.arch != "x86_64" or "+avx512f" not in self.features.split(","):
            return self
        return Target(self.triple, self.cpu, f"{self.features},-avx512f")


@cache
def host_target() -> Target:
    """This machine. Objects are ELF everywhere, since wadjet's own loader reads them."""
    llvm = binding()
    arch = llvm.get_default_triple().partition("-")[0]
    arch = {"arm64": "aarch64"}.get(arch, arch)
    features = llvm.get_host_cpu_features().flatten() + _TUNING.get(arch, "")
    return Target(f"{arch}-unknown-linux-gnu", llvm.get_host_cpu_name(), features)


#: What we know better than LLVM. Sums of products have one accumulator as a rule, and the fused
#: instruction takes four cycles where the addition takes one.
_TUNING: Final = {"x86_64": ",-fast-dpwssd"}


@cache
def binding() -> Any:
    """LLVM, ready to compile for this machine. It is loaded when first asked for: that takes longer
    than Python's own start."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    return llvm


def is_loaded() -> bool:
    """Whether LLVM is in this process."""
    return binding.cache_info().currsize > 0
