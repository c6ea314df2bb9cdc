"""What compiler and runtime agree on: every libcall has one body, every trap its words."""

import inspect

from wadjet.engine.contract.layout import Struct
from wadjet.engine.contract.libcalls import LIBCALLS
from wadjet.engine.contract.traps import MESSAGES, TrapCode
from wadjet.engine.contract import layout
from wadjet.engine.runtime.libcalls import BODIES


def test_every_libcall_has_a_body_of_its_signature() -> None:
    assert len(BODIES) == len(LIBCALLS)
    assert len(set(BODIES)) == len(BODIES)
    for libcall, body in zip(LIBCALLS, BODIES, strict=True):
        parameters = inspect.signature(body).parameters
        assert len(parameters) == 1 + libcall.arity, libcall.name
        assert LIBCALLS[libcall.id] is libcall


def test_every_trap_has_its_own_code_and_its_own_words() -> None:
    codes = {name: code for name, code in vars(TrapCode).items() if not name.startswith("_")}
    assert len(set(codes.values())) == len(codes)
    assert set(MESSAGES) <= set(codes.values())
    assert len(set(MESSAGES.values())) == len(MESSAGES)
    silent = {name for name, code in codes.items() if code not in MESSAGES}
    assert silent == {"HOST_ERROR", "WASM_EXCEPTION"}, "these two end as exceptions of Python"


def test_members_of_shared_structures_are_aligned_and_apart() -> None:
    structs = [thing for thing in vars(layout).values() if isinstance(thing, Struct)]
    assert structs
    for struct in structs:
        end = 0
        for field in struct.fields.values():
            size = 4 if field.type == "i32" else 8
            assert field.offset % size == 0
            assert field.offset >= end
            end = field.offset + size
        assert struct.size >= end
        assert struct.size % 8 == 0
