"""Running scripts: what passes, and that what should fail does."""

import io
import json
from pathlib import Path

import pytest

from wadjet.core.features import DEFAULT, WASM1
from wadjet.script.parse import parse_script
from wadjet.script.run import Result, Settings, run_script
from wadjet.script.suite import run_paths, settings_for

_MODULE = """
(module
  (type $s (struct)) (type $a (array i8))
  (global (export "g") f32 (f32.const 1.5))
  (func (export "id") (param i32) (result i32) (local.get 0))
  (func (export "two") (result i32 i64) (i32.const 1) (i64.const 2))
  (func (export "nan") (param f32) (result f32) (local.get 0))
  (func (export "vec") (param v128) (result v128) (local.get 0))
  (func (export "null") (result anyref) (ref.null any))
  (func (export "struct") (result anyref) (struct.new $s))
  (func (export "array") (result anyref) (array.new_fixed $a 0))
  (func (export "i31") (result anyref) (ref.i31 (i32.const 5)))
  (func (export "host") (param externref) (result anyref) (any.convert_extern (local.get 0)))
  (func (export "back") (param externref) (result externref) (local.get 0))
  (func $f (export "func") (result funcref) (ref.func $f))
  (func (export "trap") (unreachable))
  (tag $e) (func (export "throw") (throw $e))
  (func $deep (export "deep") (call $deep))
)
"""


def run(text: str, settings: Settings | None = None) -> list[Result]:
    """The results of a script in the interpreter."""
    return run_script(parse_script(text), settings or Settings("interpreter"))


@pytest.fixture(scope="module")
def passes() -> list[str]:
    """Commands that pass after `_MODULE`."""
    return [
        '(assert_return (invoke "id" (i32.const -1)) (i32.const 0xffffffff))',
        '(assert_return (invoke "two") (i32.const 1) (i64.const 2))',
        '(assert_return (get "g") (f32.const 1.5))',
        '(assert_return (invoke "nan" (f32.const nan:0x200001)) (f32.const nan:0x200001))',
        '(assert_return (invoke "nan" (f32.const -nan)) (f32.const nan:canonical))',
        '(assert_return (invoke "nan" (f32.const nan:0x400001)) (f32.const nan:arithmetic))',
        '(assert_return (invoke "vec" (v128.const i64x2 1 2)) (v128.const i64x2 1 2))',
        '(assert_return (invoke "vec" (v128.const f32x4 nan 1 2 3))'
        " (v128.const f32x4 nan:canonical 1 2 3))",
        '(assert_return (invoke "null") (ref.null any))',
        '(assert_return (invoke "null") (ref.null))',
        '(assert_return (invoke "struct") (ref.struct))',
        '(assert_return (invoke "struct") (ref.eq))',
        '(assert_return (invoke "array") (ref.array))',
        '(assert_return (invoke "i31") (ref.i31))',
        '(assert_return (invoke "i31") (ref))',
        '(assert_return (invoke "host" (ref.extern 3)) (ref.host 3))',
        '(assert_return (invoke "back" (ref.extern 3)) (ref.extern 3))',
        '(assert_return (invoke "back" (ref.null extern)) (ref.null extern))',
        '(assert_return (invoke "func") (ref.func))',
        '(assert_return (invoke "id" (i32.const 2)) (either (i32.const 1) (i32.const 2)))',
        '(assert_trap (invoke "trap") "unreachable")',
        '(assert_exception (invoke "throw"))',
        '(assert_exhaustion (invoke "deep") "call stack exhausted")',
        '(assert_malformed (module quote "(func (nope))") "unknown operator")',
        '(assert_invalid (module (func (result i32))) "type mismatch")',
        '(assert_unlinkable (module (import "a" "b" (func))) "unknown import")',
        "(assert_trap (module (func $f unreachable) (start $f)) \"unreachable\")",
        '(invoke "two")',
    ]  # fmt: skip


def test_passes(passes: list[str]) -> None:
    results = run(_MODULE + "\n".join(passes))
    assert [r.reason for r in results] == [""] * (len(passes) + 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('(assert_return (invoke "id" (i32.const 1)) (i32.const 2))', "expected"),
        ('(assert_return (invoke "id" (i32.const 1)) (i64.const 1))', "expected"),
        ('(assert_return (invoke "id" (i32.const 1)))', "expected 0 results, got 1"),
        ('(assert_return (invoke "nan" (f32.const nan:0x1)) (f32.const nan:arithmetic))', "exp"),
        ('(assert_return (invoke "nan" (f32.const nan:0x400001)) (f32.const nan:canonical))', "e"),
        ('(assert_return (invoke "nan" (f32.const 1)) (f32.const nan:canonical))', "expected"),
        ('(assert_return (invoke "nan" (f32.const nan:0x200001)) (f32.const nan))', "expected"),
        ('(assert_return (invoke "vec" (v128.const f32x4 1 1 2 3))'
         " (v128.const f32x4 nan:canonical 1 2 3))", "expected"),
        ('(assert_return (invoke "struct") (ref.array))', "expected"),
        ('(assert_return (invoke "struct") (ref.null))', "expected"),
        ('(assert_return (invoke "null") (ref.struct))', "expected"),
        ('(assert_return (invoke "null") (ref.null func))', "expected"),
        ('(assert_return (invoke "i31") (ref.struct))', "expected"),
        ('(assert_return (invoke "func") (ref.extern))', "expected"),
        ('(assert_return (invoke "host" (ref.extern 3)) (ref.host 4))', "expected"),
        ('(assert_return (invoke "back" (ref.extern 3)) (ref.extern 4))', "expected"),
        ('(assert_return (invoke "missing"))', "no exported func 'missing'"),
        ('(assert_return (get "id"))', "no exported global 'id'"),
        ('(assert_return (invoke $nobody "id"))', "no instance nobody"),
        ('(assert_return (invoke "trap"))', "Trap: unreachable"),
        ('(assert_trap (invoke "two") "unreachable")', "expected trap, got i32:0x1, i64:0x2"),
        ('(assert_trap (invoke "trap") "integer overflow")', "expected 'integer overflow'"),
        ('(assert_trap (invoke "throw") "unreachable")', "WasmException: uncaught"),
        ('(assert_exception (invoke "trap"))', "Trap: unreachable"),
        ('(assert_malformed (module (func)) "x")', "malformed module accepted"),
        ('(assert_malformed (module quote "(func (nope))") "unexpected token")', "expected 'unex"),
        ('(assert_invalid (module (func)) "x")', "invalid module accepted"),
        ('(assert_invalid (module quote "(func (nope))") "unknown operator")', "Malformed"),
        ('(assert_unlinkable (module) "x")', "unlinkable module accepted"),
        ('(assert_trap (module) "unreachable")', "trap module accepted"),
        ('(module (import "nobody" "x" (func)))', "Unlinkable: unknown import"),
        ("(module (func (result i32)))", "Invalid: type mismatch"),
        ("(spell)", "unknown command spell"),
        ("(wait $nobody)", "no thread nobody"),
        ("(module instance $nothing)", "no module nothing"),
    ],
)  # fmt: skip
def test_fails(text: str, reason: str) -> None:
    _, result = run(_MODULE + text)
    assert result.reason.startswith(reason)
    assert not result.ok


def test_a_rejected_module_hides_the_one_before() -> None:
    bad, after = run(f'{_MODULE} (module (nonsense)) (invoke "two")')[1:]
    assert bad.reason.startswith("Malformed")
    assert after.reason.startswith("no instance")


def test_registered_and_named_instances() -> None:
    results = run(
        """(module $a (func (export "f") (result i32) (i32.const 1)))
           (register "A" $a)
           (module $b (func (export "g") (import "A" "f") (result i32)))
           (assert_return (invoke "g") (i32.const 1))
           (assert_return (invoke $a "f") (i32.const 1))
           (module definition $c (global (export "n") (mut i32) (i32.const 0))
             (func (export "up") (global.set 0 (i32.const 5))))
           (assert_return (invoke "g") (i32.const 1))
           (module instance $c1 $c) (module instance $c2 $c) (invoke $c1 "up")
           (assert_return (get $c1 "n") (i32.const 5))
           (assert_return (get $c2 "n") (i32.const 0))
           (assert_return (get "n") (i32.const 0))"""
    )
    assert [r.reason for r in results] == [""] * len(results)


def test_spectest() -> None:
    lines: list[str] = []
    script = parse_script(
        """(module (import "spectest" "print_i32_f32" (func $p (param i32 f32)))
             (import "spectest" "print" (func $n)) (import "spectest" "global_f32" (global f32))
             (import "spectest" "global_i64" (global i64))
             (import "spectest" "table" (table 10 20 funcref))
             (import "spectest" "table64" (table i64 10 20 funcref))
             (import "spectest" "memory" (memory 1 2))
             (import "spectest" "shared_memory" (memory 1 2 shared))
             (export "f" (global 0)) (export "i" (global 1))
             (func (export "go") (call $p (i32.const 7) (f32.const 0.5)) (call $n)))
           (invoke "go")
           (assert_return (get "f") (f32.const 666.6))
           (assert_return (get "i") (i64.const 666))"""
    )
    results = run_script(script, Settings("interpreter"), lines.append)
    assert [r.reason for r in results] == [""] * 4
    assert lines == ["7 0.5\n", "\n"]


def test_threads_share_what_they_are_given() -> None:
    results = run(
        """(module $m (memory (export "mem") 1 1 shared))
           (register "m" $m)
           (thread $t (shared (module $m)) (register "m" $m)
             (module (memory (import "m" "mem") 1 1 shared)
               (func (export "run") (i32.atomic.store (i32.const 0) (i32.const 42))))
             (invoke "run") (assert_return (invoke "none")))
           (wait $t)
           (module (memory (import "m" "mem") 1 1 shared)
             (func (export "get") (result i32) (i32.atomic.load (i32.const 0))))
           (assert_return (invoke "get") (i32.const 42))"""
    )
    failed = [r for r in results if not r.ok]
    assert [r.reason for r in failed] == ["no exported func 'none'"]
    assert len(results) == 10


def test_settings_follow_the_folder(tmp_path: Path) -> None:
    def features(folder: str) -> frozenset[str]:
        return settings_for(tmp_path / folder / "a.wast", "auto").features

    assert features("plain") == DEFAULT
    assert features("stack-switching/x") == DEFAULT | {"stack-switching"}
    assert "memory64" not in features("threads-main/threads")
    assert settings_for(tmp_path / "legacy" / "a.wast", "auto", WASM1).features == WASM1


def test_run_paths(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    good, bad = tmp_path / "good.wast", tmp_path / "sub" / "bad.wast"
    good.write_text('(module (func (export "f"))) (invoke "f")')
    bad.write_text('(module)\n(invoke "f")')
    (tmp_path / "sub" / "broken.wast").write_text("(module")
    out, report = io.StringIO(), tmp_path / "report.json"
    assert run_paths([good], "interpreter", out=out) == 0
    assert out.getvalue() == "2 passed, 0 failed\n"
    out = io.StringIO()
    assert run_paths([tmp_path], "interpreter", json_out=report, out=out) == 1
    lines = out.getvalue().splitlines()
    assert lines[0] == f"{bad}:2: no exported func 'f'"
    assert lines[-1] == "3 passed, 2 failed"
    data = json.loads(report.read_text())
    assert (data["passed"], data["failed"], len(data["files"])) == (3, 2, 3)
    assert data["files"][1]["failures"] == [{"line": 2, "reason": "no exported func 'f'"}]
