"""Machine code on disk: files of records, what becomes of them in bad times, and warm starts."""

import hashlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from wadjet.base.records import replace
from pathlib import Path

import pytest

import wadjet
from wadjet.core.features import ALL, DEFAULT
from wadjet.core.text import parse
from wadjet.core.validate import validate
from wadjet.engine.runtime.image import Placed, Saved
from wadjet.engine.runtime.instantiate import instantiate
from wadjet.engine.runtime.store import Store
from wadjet.engine.tiers import cache, compiled, optimizing
from wadjet.engine.tiers.auto import AutoCode
from wadjet.engine.tiers.cache import RecordFile, pack, unpack
from wadjet.engine.tiers.compiled import CompiledCode
from wadjet.engine.tiers.compiler import objects
from wadjet.engine.tiers.optimizing import OptimizingCode

KEY = hashlib.sha256(b"key").digest()
FIRST, SECOND, THIRD = (b"TEST", b"one"), (b"TEST", b"two" * 1000), (b"MORE", b"")
SOURCE = Path(wadjet.__file__).resolve().parent.parent


def fresh(folder: Path) -> RecordFile:
    """The file as another process would see it."""
    return RecordFile(folder, KEY)


def only_file(folder: Path) -> Path:
    return folder / KEY.hex()


# --- files of records ----------------------------------------------------------------------------


def test_records_come_back(tmp_path: Path) -> None:
    file = fresh(tmp_path)
    assert file.read() == []
    assert file.append([FIRST, SECOND], alone=True)
    assert file.append([THIRD], alone=True)
    assert file.read() == []
    assert fresh(tmp_path).read() == [FIRST, SECOND, THIRD]
    assert only_file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_a_reader_gets_what_others_add(tmp_path: Path) -> None:
    writer, reader = fresh(tmp_path), fresh(tmp_path)
    assert writer.append([FIRST], alone=False)
    assert reader.read() == [FIRST]
    assert writer.append([SECOND], alone=False)
    assert reader.read() == [SECOND]


def test_alone_means_behind_nobody_else(tmp_path: Path) -> None:
    mine, other = fresh(tmp_path), fresh(tmp_path)
    assert other.append([FIRST], alone=True)
    assert not mine.append([SECOND], alone=True)
    assert fresh(tmp_path).read() == [FIRST]
    assert mine.append([SECOND], alone=False)
    assert not other.append([THIRD], alone=True)
    assert fresh(tmp_path).read() == [FIRST, SECOND]


def test_every_cut_and_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    short = [FIRST, (b"TEST", b"two"), THIRD]
    assert fresh(tmp_path).append(short, alone=True)
    path = only_file(tmp_path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        found = fresh(tmp_path).read()
        assert found == short[: len(found)]
        assert len(found) < len(short)
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        found = fresh(tmp_path).read()
        assert found == short[: len(found)]
        assert len(found) < len(short)


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 10_000, b"wadjet machine code\n"])
def test_what_is_damaged_is_overwritten(tmp_path: Path, damage: bytes) -> None:
    only_file(tmp_path).write_bytes(damage)
    only_file(tmp_path).chmod(0o600)
    assert fresh(tmp_path).read() == []
    assert fresh(tmp_path).append([FIRST], alone=True)
    with only_file(tmp_path).open("ab") as file:
        file.write(b"half a record")
    again = fresh(tmp_path)
    assert again.read() == [FIRST]
    assert again.append([SECOND], alone=True)
    assert fresh(tmp_path).read() == [FIRST, SECOND]


def test_a_file_that_is_removed_is_begun_anew_or_given_up(tmp_path: Path) -> None:
    one, other = fresh(tmp_path), fresh(tmp_path)
    assert one.append([FIRST], alone=True)
    assert other.append([FIRST], alone=False)
    only_file(tmp_path).unlink()
    assert not one.append([SECOND], alone=True)
    assert other.append([SECOND], alone=False)
    assert fresh(tmp_path).read() == [SECOND]


def test_a_lock_is_not_waited_for(tmp_path: Path) -> None:
    import fcntl

    assert fresh(tmp_path).append([FIRST], alone=True)
    with only_file(tmp_path).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert not fresh(tmp_path).append([SECOND], alone=False)
    assert fresh(tmp_path).append([SECOND], alone=False)


def test_many_processes_at_once(tmp_path: Path) -> None:
    program = f"""
import sys
from wadjet.base.records import replace
from pathlib import Path
from wadjet.engine.tiers.cache import RecordFile
file = RecordFile(Path({str(tmp_path)!r}), bytes.fromhex({KEY.hex()!r}))
done = 0
while done < 40:
    content = f"{{sys.argv[1]}} {{done}} ".encode() * 200
    done += file.append([(b"TEST", content)], alone=False)
"""
    command = [sys.executable, "-c", program]
    env = {**os.environ, "PYTHONPATH": str(SOURCE)}
    crowd = [subprocess.Popen([*command, str(k)], env=env) for k in range(4)]
    assert [process.wait(60) for process in crowd] == [0, 0, 0, 0]
    found = [content.split()[:2] for _, content in fresh(tmp_path).read()]
    assert sorted(found) == sorted([b"%d" % k, b"%d" % n] for k in range(4) for n in range(40))


# --- who may write -------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_files_that_others_can_write_are_not_used(tmp_path: Path, mode: int) -> None:
    assert fresh(tmp_path).append([FIRST], alone=True)
    only_file(tmp_path).chmod(mode)
    assert fresh(tmp_path).read() == []
    assert not fresh(tmp_path).append([FIRST], alone=False)


def test_links_are_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert fresh(elsewhere).append([FIRST], alone=True)
    only_file(tmp_path).symlink_to(only_file(elsewhere))
    assert fresh(tmp_path).read() == []
    assert not fresh(tmp_path).append([SECOND], alone=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_of_other_users_are_not_used(tmp_path: Path) -> None:
    assert fresh(tmp_path).append([FIRST], alone=True)
    os.chown(only_file(tmp_path), 12345, 12345)
    assert fresh(tmp_path).read() == []


def test_the_folder_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "a" / "b"
    monkeypatch.setenv("WADJET_CACHE", str(place))
    assert cache.folder() == str(place)
    assert place.stat().st_mode & 0o777 == 0o700
    place.chmod(0o777)
    assert cache.folder() is None
    monkeypatch.setenv("WADJET_CACHE", "off")
    assert cache.folder() is None
    monkeypatch.setenv("WADJET_CACHE", str(tmp_path / "file"))
    (tmp_path / "file").touch()
    assert cache.folder() is None
    monkeypatch.delenv("WADJET_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform == "linux":
        assert cache.folder() == str(tmp_path / "xdg" / "wadjet")


def test_what_was_not_used_for_longest_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LIMIT", 10_000)
    files = [RecordFile(tmp_path, hashlib.sha256(b"%d" % k).digest()) for k in range(6)]
    for k, file in enumerate(files):
        assert file.append([(b"TEST", bytes(3000))], alone=True)
        os.utime(tmp_path / file.name, (k, k))
        if k == 1:
            os.utime(tmp_path / files[0].name, (100, 100))  # the first is used again
    left = sorted(p.name for p in tmp_path.iterdir())
    assert left == sorted(files[k].name for k in (0, 4, 5))
    assert not files[5].append([(b"TEST", bytes(6000))], alone=True), "half of all is too much"


# --- what is in them -----------------------------------------------------------------------------


def test_saved_code_is_packed(tmp_path: Path) -> None:
    functions = [Placed(7, False, True, 2, 640, 17), Placed(9, True, False, 0, 1 << 30, 1)]
    for saved in (
        Saved(["memcpy", "wj_trap"], functions, 4096, b"code"),
        Saved([], [], 0, b""),
    ):
        assert unpack(pack(saved)) == saved
    assert unpack(FIRST) is None


#: Direct and indirect calls, a table of jumps, constants, a far function, traps, tail calls.
TEXT = """
(module
  (type $step (func (param f64) (result f64)))
  (table funcref (elem $half $third))
  (memory 1)
  ;; functions with a loop are not inlined
  (func $half (param f64) (result f64) (loop) (f64.mul (local.get 0) (f64.const 0.5)))
  (func $third (param f64) (result f64) (loop) (f64.div (local.get 0) (f64.const 3)))
  (func $choose (param i32) (result i32)
    (loop)
    (block (block (block (block (block
      (br_table 0 1 2 3 4 (local.get 0)))
      (return (i32.const 10))) (return (i32.const 21))) (return (i32.const 32)))
      (return (i32.const 43)))
    (i32.const 54))
  (func (export "choose") (param i32) (result i32)
    (i32.add (call $choose (local.get 0)) (call $choose (i32.const 9))))
  (func (export "step") (param i32) (result f64)
    (call_indirect (type $step) (f64.const 18) (local.get 0)))
  (func (export "nearest") (param f64) (result f64) (f64.nearest (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func $down (export "down") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 77))))
    (return_call $down (i32.sub (local.get 0) (i32.const 1))))
  (func (export "vector") (result i64)
    (i64x2.extract_lane 1
      (i8x16.shuffle 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0
        (v128.const i64x2 0x0102030405060708 0) (v128.const i64x2 0 0)))))
"""


def use(code: CompiledCode) -> list[object]:
    """What a module of this text answers."""
    instance = instantiate(Store(), code, [])
    answers: list[object] = []
    for name, args in (
        *(("choose", (k,)) for k in range(6)),
        *(("step", (k,)) for k in range(2)),
        ("nearest", (2.5,)),
        ("load", (0,)),
        ("load", (-1,)),
        ("down", (100_000,)),
        ("vector", ()),
    ):
        function = instance.entry(instance.export("func", index_of(instance, name)))  # type: ignore[arg-type]
        try:
            answers.append(function(*args))
        except wadjet.Trap as trap:
            answers.append((trap.message, len(trap.backtrace)))
    return answers


def index_of(instance: object, name: str) -> int:
    exports = instance.module.exports  # type: ignore[attr-defined]
    return next(int(e.index) for e in exports if e.name == name)


ANSWERS: list[object] = [
    64, 75, 86, 97, 108, 108, 9.0, 6.0, 2.0, 0, ("out of bounds memory access", 1), 77,
    0x0807060504030201,
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    objects()  # the runtime's own code lies elsewhere
    monkeypatch.setenv("WADJET_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing may be compiled."""

    def refuse(*_: object, **__: object) -> bytes:
        raise AssertionError("something was compiled")

    monkeypatch.setattr("wadjet.engine.tiers.optimizing.functions_object", refuse)
    monkeypatch.setattr("wadjet.engine.tiers.auto.functions_object", refuse)
    monkeypatch.setattr(compiled, "tail_object", refuse)


def code_of(kind: type[CompiledCode], text: str = TEXT) -> CompiledCode:
    return kind(validate(parse(text, ALL), ALL), source=text)


def keep(code: CompiledCode) -> None:
    """What happens when the code, or the process, goes."""
    assert code.keeper is not None
    code.keeper.keep()


@pytest.mark.parametrize("kind", [OptimizingCode, AutoCode])
def test_a_second_start_compiles_nothing(
    folder: Path, kind: type[CompiledCode], request: pytest.FixtureRequest
) -> None:
    cold = code_of(kind)
    assert use(cold) == ANSWERS
    keep(cold)
    request.getfixturevalue("no_compiler")
    warm = code_of(kind)
    assert use(warm) == ANSWERS
    assert use(warm) == ANSWERS


def test_code_that_goes_is_kept(folder: Path, request: pytest.FixtureRequest) -> None:
    import gc

    assert use(code_of(OptimizingCode)) == ANSWERS
    gc.collect()
    assert len(list(folder.iterdir())) == 1
    request.getfixturevalue("no_compiler")
    assert use(code_of(OptimizingCode)) == ANSWERS


def test_what_is_missing_is_compiled_and_added(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = code_of(OptimizingCode)
    first.compile_slot(0)
    first.compile_slot(3)
    keep(first)
    wanted: list[int] = []
    original = optimizing.functions_object

    def listen(valid: object, slots: object, *rest: object) -> bytes:
        wanted.extend(slots)  # type: ignore[call-overload]
        return original(valid, slots, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(optimizing, "functions_object", listen)
    second = code_of(OptimizingCode)
    assert use(second) == ANSWERS
    keep(second)
    assert sorted(wanted) == [1, 2, 4, 5, 6, 7, 8]
    wanted.clear()
    assert use(code_of(OptimizingCode)) == ANSWERS
    assert wanted == []


def test_two_that_compile_at_once(folder: Path) -> None:
    one, other = code_of(OptimizingCode), code_of(OptimizingCode)
    assert use(one) == use(other) == ANSWERS
    keep(one)
    keep(other)  # comes too late, and lets it be
    assert use(code_of(OptimizingCode)) == ANSWERS


def test_damaged_code_is_compiled_anew(folder: Path) -> None:
    keep_all = code_of(OptimizingCode)
    assert use(keep_all) == ANSWERS
    keep(keep_all)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    for at in range(0, len(whole), len(whole) // 23):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        assert use(code_of(OptimizingCode)) == ANSWERS


def test_levels_are_kept_apart(folder: Path, request: pytest.FixtureRequest) -> None:
    quick = code_of(AutoCode)
    assert use(quick) == ANSWERS
    keep(quick)
    best = code_of(OptimizingCode)
    assert {best.level(slot) for slot in range(9)} == {-1}
    assert use(best) == ANSWERS
    keep(best)
    request.getfixturevalue("no_compiler")
    either = code_of(AutoCode)
    assert {either.level(slot) for slot in range(9)} == {2}
    assert use(either) == ANSWERS


def test_everything_that_matters_is_in_the_key(folder: Path) -> None:
    text = '(module (func (export "f") (result i32) (i32.const 1)))'
    valid = validate(parse(text, ALL), ALL)
    other = validate(parse(text, DEFAULT), DEFAULT)
    codes = [
        OptimizingCode(valid, source=text),
        OptimizingCode(other, source=text),
        OptimizingCode(valid, source=text + " "),
        OptimizingCode(valid, source=text.encode()),
    ]
    codes.append(codes[0].variant(replace(codes[0].settings, exceptions=True)))
    for code in codes:
        code.compile_slot(0)
        keep(code)
    assert len(list(folder.iterdir())) == len(codes)
    assert OptimizingCode(valid).keeper is None


# --- whole processes -----------------------------------------------------------------------------

PROGRAM = """
import json, sys
import wadjet
text = '''
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (type $pair (struct (field i32) (field i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\\\08\\\\00\\\\00\\\\00\\\\06\\\\00\\\\00\\\\00hello\\\\n")
  (func (export "bad") (result i32) (i64.const 1))
  (func (export "_start")
    (if (i32.ne (struct.get $pair 1 (struct.new $pair (i32.const 1) (i32.const 2))) (i32.const 2))
      (then unreachable))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))))
'''
from wadjet.core.text import parse
from wadjet.core.binary import encode
result = wadjet.run(encode(parse(text)))
compiler = "wadjet.engine.tiers.apart", "llvmlite"
print(json.dumps([result.stdout.decode(), [name in sys.modules for name in compiler]]))
try:
    wadjet.Instance(wadjet.Module(encode(parse(text)), lazy=True), {
        "wasi_snapshot_preview1": {"fd_write": lambda *_: 0}}).exports.bad()
except wadjet.Invalid as error:
    print(error.message.split(":")[0])
"""


def test_a_warm_start_does_not_even_load_the_compiler(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(SOURCE), "WADJET_CACHE": str(tmp_path)}
    said = []
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, env=env, check=True
        )
        assert run.stderr == b""
        said.append(run.stdout.decode().splitlines())
    assert [json.loads(lines[0]) for lines in said] == [
        ["hello\n", [True, False]],
        ["hello\n", [False, False]],
    ]
    assert [lines[1] for lines in said] == ["type mismatch", "type mismatch"]


# --- bad times -----------------------------------------------------------------------------------


def test_what_lies_in_the_wrong_order_is_removed(folder: Path) -> None:
    code = code_of(OptimizingCode)
    assert use(code) == ANSWERS
    keep(code)
    (path,) = folder.iterdir()
    whole = RecordFile(folder, bytes.fromhex(path.name))
    saved = unpack(whole.read()[0])
    assert saved is not None
    assert whole.append([pack(saved)], alone=True)
    again = code_of(OptimizingCode)
    assert use(again) == ANSWERS
    assert not path.exists()
    keep(code_of(OptimizingCode))


def test_two_threads_keep_in_order(folder: Path, request: pytest.FixtureRequest) -> None:
    code = code_of(OptimizingCode)
    instance = instantiate(Store(), code, [])
    stop = threading.Event()

    def keeper() -> None:
        while not stop.is_set():
            keep(code)

    crowd = [threading.Thread(target=keeper) for _ in range(2)]
    for thread in crowd:
        thread.start()
    for slot in range(len(instance.module.funcs)):
        code.compile_slot(slot)
    stop.set()
    for thread in crowd:
        thread.join()
    keep(code)
    request.getfixturevalue("no_compiler")
    assert use(code_of(OptimizingCode)) == ANSWERS


def test_bytecode_beside_the_engine_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("pass")
    (tmp_path / "room").mkdir()
    before = cache._files(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "room" / "__pycache__").mkdir()
    os.utime(tmp_path / "room", (1, 1))
    assert cache._files(tmp_path) == before
    (tmp_path / "a.py").write_text("pass # but not the same")
    assert cache._files(tmp_path) != before


def test_processes_that_are_killed_at_any_moment_harm_nothing(tmp_path: Path) -> None:
    program = """
import sys, wadjet
module = wadjet.Module.from_text(sys.stdin.read())
instance = wadjet.Instance(module, tier=sys.argv[1])
for k in range(40):
    assert instance.exports[f"f{k}"](2) == 2 * k + 1, k
code = module.code(sys.argv[1])
for k in range(40, 60):
    assert instance.exports[f"f{k}"](2) == 2 * k + 1, k
    code.keeper.keep()
"""
    functions = [
        f'(func (export "f{k}") (param i32) (result i32) (local i32) (loop $on '
        f"(local.set 1 (i32.add (local.get 1) (i32.const {k}))) (br_if $on (local.tee 0 "
        "(i32.sub (local.get 0) (i32.const 1))))) (i32.add (local.get 1) (i32.const 1)))"
        for k in range(60)
    ]
    text = f"(module {' '.join(functions)})".encode()
    env = {**os.environ, "PYTHONPATH": str(SOURCE), "WADJET_CACHE": str(tmp_path / "cache")}

    def begin(tier: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", program, tier]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env=env)
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.close()
        return process

    chance = random.Random(7)
    for turn in range(12):
        pair = [begin(tier) for tier in ("auto", ("auto", "optimizing")[turn % 2])]
        time.sleep(chance.uniform(0.1, 0.9))
        for process in pair:
            process.kill()
            process.wait(60)
    assert [begin(tier).wait(120) for tier in ("auto", "optimizing") * 2] == [0] * 4
