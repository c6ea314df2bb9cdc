"""`wadjet doctor`: what this machine supports, found out by trying."""

import json
import platform
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import wadjet
from wadjet.cli.common import Command
from wadjet.core import opcodes

#: processor features worth knowing of, where LLVM lists them
_FEATURES: Final = "sse4.2 avx avx2 avx512f bmi2 fma popcnt neon sve dotprod lse".split()
_PROBE: Final = """
(module
  (memory 1)
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "peek") (param i32) (result i32) (i32.load offset=0xffff_fffc (local.get 0)))
  (func (export "spin") (loop (br 0))))
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is as it should be, and what was seen."""

    name: str
    good: bool
    detail: str


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the findings as JSON")


def _run(args: Namespace) -> int:
    findings = list(_findings())
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        width = max(len(finding.name) for finding in findings)
        for f in findings:
            print(f"{'ok' if f.good else '--'}  {f.name:<{width}}  {f.detail}")
    works = any(f.good for f in findings if f.name.startswith("tier"))
    return 0 if works else 1


def _findings() -> Iterator[Finding]:
    compiled = not (opcodes.__file__ or "").endswith(".py")
    build = "compiled" if compiled else "plain Python"
    yield Finding("wadjet", True, f"{wadjet.__version__}, {build}")
    yield Finding("python", True, f"{platform.python_implementation()} {platform.python_version()}")
    yield Finding("platform", sys.maxsize > 1 << 32, f"{platform.system()} {platform.machine()}")
    yield from _llvm()
    yield _address_space()
    for tier in ("interpreter", "baseline", "optimizing"):
        yield _try(f"tier {tier}", lambda tier=tier: _calls(tier))  # type: ignore[misc]
    yield _try("traps", _traps)
    yield _try("time limits", _time_limit)


def _llvm() -> Iterator[Finding]:
    """The compiler, asked for by name: nothing is used but what it says about itself."""
    try:
        found = version("llvmlite")
        llvm = import_module("llvmlite.binding")
    except (PackageNotFoundError, ImportError, OSError) as error:
        yield Finding("llvm", False, f"no machine code: {error}; `pip install llvmlite`")
        return
    number = ".".join(map(str, llvm.llvm_version_info))
    yield Finding("llvm", True, f"{number} (llvmlite {found})")
    features = llvm.get_host_cpu_features()
    names = ", ".join(name for name in _FEATURES if features.get(name))
    yield Finding("processor", True, f"{llvm.get_host_cpu_name()} ({names})")


def _address_space() -> Finding:
    """Memories are reservations of address space; a limit on that stands in their way."""
    try:
        resource = import_module("resource")
    except ImportError:
        return Finding("address space", True, "no limit known")
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return Finding("address space", True, "unlimited")
    return Finding("address space", limit >= 1 << 40, f"limited to {limit >> 20} MiB (ulimit -v)")


def _try(name: str, probe: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, probe())
    except (wadjet.Error, wadjet.EngineBug, ImportError, OSError) as error:
        return Finding(name, False, f"{error}".splitlines()[0])


def _calls(tier: str) -> str:
    """Compile and call a function."""
    exports = wadjet.Instance(wadjet.Module(_PROBE), tier=tier).exports
    if exports.add(2, 40) != 42:
        raise wadjet.Error("gives wrong results")
    return "works"


def _traps() -> str:
    """Access memory where there is none."""
    exports = wadjet.Instance(wadjet.Module(_PROBE)).exports
    try:
        exports.peek(-1)
    except wadjet.Trap as trap:
        return f"caught ({trap.message})"
    raise wadjet.Error("an access out of bounds went unnoticed")


def _time_limit() -> str:
    """Run a loop without end."""
    limits = wadjet.Limits(seconds=0.05)
    exports = wadjet.Instance(wadjet.Module(_PROBE), limits=limits).exports
    try:
        exports.spin()
    except wadjet.Timeout:
        return "kept"
    raise wadjet.Error("a loop without end came to its end")


COMMAND = Command("doctor", "Tell what this machine supports.", _options, _run)
