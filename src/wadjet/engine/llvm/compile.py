"""LLVM text → object bytes, at one of three levels.

QUICK     straight to machine code through the fast instruction selector: for code that runs once
FAIR      a few clean-ups before that: for what the house writes itself, short functions in which
          there is little to find; LLVM's good code generator takes four times as long for them
FULL      LLVM's whole optimiser first: for code that runs long
"""

import os
import threading
from typing import TYPE_CHECKING, Final

from wadjet.base.errors import EngineBug
from wadjet.engine.llvm.target import Target, binding

if TYPE_CHECKING:
    import llvmlite.binding as llvm

QUICK: Final = 0
FAIR: Final = 1
FULL: Final = 2

#: What the optimiser is told, and what it would do by itself. Options of LLVM are the process's,
#: not a module's, hence others who use it get them back.
_OPTIONS: Final = (
    # counters keep their width: in loops of few rounds the conversions cost more than they save
    ("indvars-widen-indvars", "false", "true"),
    # sums of floating-point numbers stay in their order, and what is summed up is vectorised
    ("force-ordered-reductions", "true", "false"),
)
_machines: Final = threading.local()
#: LLVM is not left in the middle of something when the process forks. Nobody is held up by this:
#: llvmlite lets one thread in at a time anyway.
_compiling: Final = threading.RLock()
os.register_at_fork(
    before=_compiling.acquire, after_in_parent=_compiling.release, after_in_child=_compiling.release
)


def _machine(target: Target, level: int) -> "llvm.TargetMachine":
    """A target machine of this thread's own (LLVM's are not for sharing)."""
    cache: dict[tuple[Target, int], llvm.TargetMachine] | None = getattr(_machines, "made", None)
    if cache is None:
        cache = _machines.made = {}
    found = cache.get((target, level))
    if found is None:
        backend = binding().Target.from_triple(target.triple)
        found = backend.create_target_machine(
            cpu=target.cpu,
            features=target.features,
            opt=2 if level == FULL else 0,
            reloc="pic",
            codemodel="small",
        )
        cache[(target, level)] = found
    return found


def compile_text(text: str, target: Target, level: int = FULL) -> bytes:
    """Compile one LLVM module to a relocatable ELF object."""
    with _compiling:
        return _compile(text, target, level)


def _compile(text: str, target: Target, level: int) -> bytes:
    llvm, machine = binding(), _machine(target, level)
    header = f'target triple = "{target.triple}"\ntarget datalayout = "{machine.target_data}"\n'
    with llvm.create_context() as context:
        try:
            module = llvm.parse_assembly(header + text, context)
        except RuntimeError as error:
            raise EngineBug(f"LLVM rejects what was emitted: {error}\n{text}") from error
        with module:  # which must go before its context
            if level != QUICK:
                _optimize(module, machine, level)
            return bytes(machine.emit_object(module))


def _optimize(module: "llvm.ModuleRef", machine: "llvm.TargetMachine", level: int) -> None:
    """Run the optimiser's passes over a module."""
    llvm = binding()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    builder = llvm.create_pass_builder(machine, options)
    if level == FULL:
        passes = builder.getModulePassManager()
    else:
        passes = llvm.create_new_module_pass_manager()
        passes.add_simplify_cfg_pass()
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
    for option, ours, _ in _OPTIONS:
        llvm.set_option("wadjet", f"--{option}={ours}")
    try:
        passes.run(module, builder)
    finally:
        for option, _, usual in _OPTIONS:
            llvm.set_option("wadjet", f"--{option}={usual}")
