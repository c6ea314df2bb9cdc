"""One module with everything in it: each instruction, each kind of type, segment and import. It
is well-formed under all features, and very far from valid."""

from wadjet.core.body import Body, Catch, Handler, MemArg
from wadjet.core.module import (
    KINDS, Code, Custom, Data, Elem, Export, Global, Import, Module, Table,
)  # fmt: skip
from wadjet.core.opcodes import ROWS, Op, Row
from wadjet.core.types import (
    ABS_HEAPS, ANY, EXTERNREF, F32, F64, FUNC, FUNCREF, I8, I16, I31, I32, I64, V128, ArrayType,
    ContType, FieldType, FuncType, FuncUse, GlobalType, Limits, MemoryType, RecType, StructType,
    SubType, TableType, TagType, ref,
)  # fmt: skip

#: One value for each kind of immediate, in the shapes of `wadjet.core.body`.
IMMEDIATES: dict[str, tuple[object, ...]] = {
    "func": (3, 300),
    "table": (0, 1),
    "mem": (0, 129),
    "global": (7,),
    "local": (0, 127, 128, 2**32 - 1),
    "type": (63, 64),
    "label": (5,),
    "tag": (1,),
    "data": (2,),
    "elem": (3,),
    "field": (4,),
    "u32": (9, 2**32 - 1),
    "labels": ((0,), (1, 2, 3), (200, 0)),
    "block": (None, I32, ref(False, 64), 5, 100),
    "types": ((), (I64,), (EXTERNREF, V128)),
    "catches": ((), (Catch(0, 1, 2), Catch(1, 0, 0), Catch(2, None, 3), Catch(3, None, 200))),
    "handlers": ((), (Handler(0, 1), Handler(200, None))),
    "i32": (0, 63, 64, -1, -64, -65, 2**31 - 1, -(2**31)),
    "i64": (0, -1, 2**63 - 1, -(2**63)),
    "f32": (0x7FA00001,),
    "f64": (0xFFF4000000000001,),
    "v128": (2**127 + 5,),
    "memarg": (MemArg(0, 0), MemArg(3, 127), MemArg(2, 128), MemArg(63, 2**64 - 1, 77)),
    "lane": (0, 255),
    "lanes": (bytes(range(16)),),
    "ref": (ref(False, ANY), ref(False, 70, exact=True), ref(False, I31, shared=True)),
    "refnull": tuple(ref(True, heap) for heap in ABS_HEAPS),
    "cast": ((1, ref(True, ANY), ref(False, 3)), (0, ref(False, 2, exact=True), ref(True, I31))),
    "fence": (0,),
    "order": (0, 1),
    "orders": (0, 1),
}

_OPENERS = ("block", "loop", "if", "try", "try_table")
_ELSEWHERE = ("else", "catch", "catch_all", "delegate", "end")


def immediates_of(row: Row) -> list[object]:
    """Every immediate to try for a row: each kind in turn takes each of its values."""
    kinds = [IMMEDIATES[word.partition("/")[0]] for word in row.immediates]
    if not kinds:
        return [None]
    if len(kinds) == 1:
        return list(kinds[0])
    rounds = max(map(len, kinds))
    return [tuple(values[i % len(values)] for values in kinds) for i in range(rounds)]


def body(*instructions: tuple[int, object]) -> Body:
    """A body with these instructions and the last `end`."""
    made = Body()
    for op, imm in (*instructions, (Op.END, None)):
        made.add(op, imm, 0)
    return made


def every_instruction() -> Body:
    made: list[tuple[int, object]] = []
    for row in ROWS:
        if row.mnemonic in _ELSEWHERE:
            continue
        for imm in immediates_of(row):
            made.append((row.op, imm))
            if row.mnemonic in _OPENERS:
                made.append((Op.END, None))
    made += [(Op.IF, None), (Op.ELSE, None), (Op.END, None)]
    made += [(Op.TRY, I32), (Op.CATCH, 1), (Op.CATCH, 2), (Op.CATCH_ALL, None), (Op.END, None)]
    made += [(Op.TRY, None), (Op.DELEGATE, 0)]
    return body(*made)


def _types() -> list[RecType]:
    fields = (FieldType(I8, True), FieldType(I16, False), FieldType(ref(True, 1), True))
    struct = StructType(fields)
    return [
        RecType((SubType(FuncType((I32, I64, F32, F64, V128), (EXTERNREF,))),)),
        RecType((SubType(struct, final=False, spelled=True),)),
        RecType((SubType(struct, final=True, spelled=True),), spelled=True),
        RecType((), spelled=True),
        RecType(
            (
                SubType(struct, descriptor=4, final=False, supers=(1,), spelled=True),
                SubType(StructType(()), describes=3, descriptor=5),
                SubType(ArrayType(FieldType(F64, True)), describes=4, shared=True),
                SubType(ContType(0)),
            ),
            spelled=True,
        ),
    ]


def _imports() -> list[Import]:
    table = TableType(EXTERNREF, Limits(1, 2**40, I64), shared=True)
    return [
        Import("m", "f", FuncUse(0)),
        Import("m", "exact", FuncUse(0, exact=True)),
        Import("m", "table", table, group=0, form=0x7F),
        Import("m", "memory", MemoryType(Limits(0)), group=0, form=0x7F),
        Import("n", "", GlobalType(I32, True, shared=True), group=1, form=0x7E),
        Import("n", "é", GlobalType(I32, True, shared=True), group=1, form=0x7E),
        Import("", "", TagType(0)),
    ]


def _elems() -> list[Elem]:
    zero = body((Op.I32_CONST, 0))
    items = [body((Op.REF_FUNC, 0)), body((Op.REF_NULL, FUNCREF))]
    funcs = ref(False, FUNC)
    return [
        Elem(funcs, "active", [0, 1], 0, zero, 0),
        Elem(funcs, "passive", [200], 0, None, 1),
        Elem(funcs, "active", [], 3, zero, 2),
        Elem(funcs, "declarative", [0], 0, None, 3),
        Elem(FUNCREF, "active", items, 0, zero, 4),
        Elem(EXTERNREF, "passive", items, 0, None, 5),
        Elem(ref(True, 0), "active", [], 2, zero, 6),
        Elem(FUNCREF, "declarative", items, 0, None, 7),
        Elem(funcs, "passive", [1], 0, None, 9),
    ]


def everything() -> Module:
    """The module."""
    zero = body((Op.I32_CONST, 0))
    return Module(
        types=_types(),
        imports=_imports(),
        funcs=[0, 0, 1],
        tables=[Table(TableType(FUNCREF, Limits(3))), Table(TableType(FUNCREF, Limits(1)), zero)],
        memories=[
            MemoryType(Limits(1, 2), shared=True),
            MemoryType(Limits(1, 2**48, I64)),
            MemoryType(Limits(0), page_log2=0, page_spelled=True),
            MemoryType(Limits(0), page_log2=16, page_spelled=True),
        ],
        tags=[TagType(0), TagType(200)],
        globals=[Global(GlobalType(ref(False, ANY), False), zero)],
        exports=[Export(kind, kind, i) for i, kind in enumerate(KINDS)],
        start=1,
        elems=_elems(),
        data_count=3,
        codes=[
            Code([], body()),
            Code([(3, I32), (0, F64), (1, ref(True, 0))], every_instruction()),
            Code([], body((Op.BLOCK, None), (Op.I32_CONST, 1), (Op.BR_IF, 0), (Op.END, None))),
        ],
        datas=[
            Data("active", b"abc", 0, zero, 0),
            Data("passive", b"", flags=1),
            Data("active", b"\xff" * 200, 1, zero, 2),
        ],
        customs=[
            Custom("first", b"", 0),
            Custom("first", b"again", 0),
            Custom("after code", b"\0", 10),
            Custom("name", b"\0\2\1m\1\4\1\0\1f", 11),
        ],
    )
