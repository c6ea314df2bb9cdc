"""Modules whose start section calls WASI: their memory is there by then."""

import pytest

import wadjet

HELLO = """
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\08\\00\\00\\00\\06\\00\\00\\00hello\\n")
  (func $main
    (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)) (then unreachable)))
  (start $main))
"""


@pytest.mark.parametrize("tier", ["interpreter", "auto"])
def test_a_start_section_can_write(tier: str) -> None:
    result = wadjet.run(wadjet.Module(HELLO), tier=tier)
    assert result.stdout == b"hello\n"
    assert result.returncode == 0
