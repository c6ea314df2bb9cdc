"""Canonical options (CanonicalABI.md, "`canonopt` Validation")."""

from dataclasses import dataclass, field
from typing import Final

from wadjet.component.builtins import ENCODINGS
from wadjet.component.closed import ClosedType
from wadjet.component.component import Canon, CanonOption
from wadjet.component.validate.core import core_func
from wadjet.component.validate.scope import Scope
from wadjet.core.types import I32, I64, DefType, FuncType, MemoryType, NumType

_CALLBACK: Final = FuncType((I32, I32, I32), (I32,))
#: what an error calls an encoding
_SPELLED: Final = {"latin1+utf16": "latin1-utf16"}


@dataclass(slots=True)
class Options:
    """The options of one canonical definition. Memory and functions are core indices; `ptr` is the
    type of addresses of the memory."""

    encoding: str = "utf8"
    memory: int | None = None
    realloc: int | None = None
    post_return: int | None = None
    callback: int | None = None
    is_async: bool = False
    ptr: NumType = I32


@dataclass(slots=True)
class Canonical:
    """What is known of a canonical definition: its options; the type that it is about (of a
    function, a resource, a stream or future, a result), if any; the core function that it makes or
    lifts."""

    definition: Canon
    type: ClosedType | None
    core: DefType
    options: Options = field(default_factory=Options)


def read_options(scope: Scope, given: tuple[CanonOption, ...], place: int) -> Options:
    """Check options that may stand together anywhere."""
    made = Options()
    seen: dict[str, str] = {}
    for option in given:
        kind = "string-encoding" if option.name in ENCODINGS else option.name
        if kind in seen:
            scope.fail(_conflict(option.name, seen[kind]), place)
        seen[kind] = option.name
        _apply(scope, option, made, place)
    if made.callback is not None and not made.is_async:
        scope.fail("cannot specify callback without async", place)
    if made.post_return is not None and made.is_async:
        scope.fail("cannot specify post-return function in async", place)
    if made.realloc is not None:
        _check_realloc(scope, made, place)
    return made


def _conflict(name: str, before: str) -> str:
    if name in ENCODINGS:
        name, before = _SPELLED.get(name, name), _SPELLED.get(before, before)
        return f"canonical encoding option `{before}` conflicts with option `{name}`"
    return f"canonical option `{name}` is specified more than once"


def _apply(scope: Scope, option: CanonOption, made: Options, place: int) -> None:
    index = option.index
    match option.name:
        case "memory":
            assert index is not None
            made.memory, made.ptr = index, check_memory(scope, index, place)
        case "realloc":
            made.realloc = index
        case "post-return":
            made.post_return = index
        case "callback":
            made.callback = index
        case "async":
            scope.session.require("cm-async", "canonical option `async`", place)
            made.is_async = True
        case encoding:
            made.encoding = encoding


def check_memory(scope: Scope, index: int, place: int) -> NumType:
    """The type of addresses of a memory through which values may pass."""
    memory: MemoryType = scope.at(scope.core_memories, index, "memory", place)
    if memory.shared:
        scope.fail("mismatch in the shared flag for memories: it must not be shared", place)
    if memory.limits.addr is I64:
        scope.session.require("cm-memory64", "a 64-bit memory", place)
    return memory.limits.addr


def _check_realloc(scope: Scope, made: Options, place: int) -> None:
    assert made.realloc is not None
    if made.memory is None:
        what = "canonical option `realloc` requires `memory` to also be specified"
        scope.fail(what, place)
    check_signature(scope, "realloc", made.realloc, FuncType((made.ptr,) * 4, (made.ptr,)), place)


def check_signature(scope: Scope, option: str, index: int, wanted: FuncType, place: int) -> None:
    """Check the function that an option names."""
    if core_func(scope, index, place) != wanted:
        what = f"canonical option `{option}` uses a core function with an incorrect signature"
        scope.fail(f"{what}: it must be {wanted}", place)


def check_callback(scope: Scope, options: Options, place: int) -> None:
    """An async lift gives its callback; a stackful one does without."""
    if options.callback is not None:
        check_signature(scope, "callback", options.callback, _CALLBACK, place)
    elif options.is_async:
        scope.session.require("cm-async-stackful", "canonical option `async` alone", place)


def need_memory(scope: Scope, options: Options, place: int) -> None:
    """Values pass through memory: there must be one."""
    if options.memory is None:
        scope.fail("canonical option `memory` is required", place)


def need_realloc(scope: Scope, options: Options, place: int) -> None:
    """Memory must be allocated for values."""
    need_memory(scope, options, place)
    if options.realloc is None:
        scope.fail("canonical option `realloc` is required", place)


def refuse(scope: Scope, options: Options, names: tuple[str, ...], what: str, place: int) -> None:
    """Reject options that have no meaning here."""
    given = {
        "realloc": options.realloc is not None,
        "post-return": options.post_return is not None,
        "callback": options.callback is not None,
        "async": options.is_async,
    }
    for name in names:
        if given[name]:
            scope.fail(f"canonical option `{name}` cannot be specified for {what}", place)
