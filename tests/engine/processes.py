"""Programs that run in a process of their own, because they may well bring it down."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: What the programs have at hand.
PRELUDE = """
import faulthandler, os, signal, sys, threading, time
from wadjet import Exhaustion, Error, Instance, Limits, Module, Store, Timeout, Trap
GUEST = Module.from_text('''
(module $guest
  (import "host" "call" (func $call (param i32) (result i32)))
  (memory (export "memory") 1)
  (func $loop (export "loop") (loop $again (br $again)))
  (func $calls (export "calls")
    (loop $again (drop (call $call (i32.const 0))) (br $again)))
  (func $nest (export "nest") (param i32) (result i32) (call $call (local.get 0)))
  (func $load (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func $good (export "good") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func $late (export "late") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3))))''')

def guest(call=int, **options):
    options.setdefault("tier", "optimizing")
    return Instance(GUEST, {"host": {"call": call}}, **options)

def traps(instance):
    try:
        instance.exports.load(-1)
    except Trap as error:
        assert error.message == "out of bounds memory access", error
    else:
        raise AssertionError("no trap")
    assert instance.exports.good(1) == 2
"""


def run(program: str, *options: str, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
    """Run a program after the prelude; its output and how it ended."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return subprocess.run(
        [sys.executable, *options, "-c", PRELUDE + program],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def succeeds(program: str, *options: str) -> str:
    """Run a program that must end well and say nothing on stderr; what it prints."""
    result = run(program, *options)
    assert (result.returncode, result.stderr) == (0, ""), result
    return result.stdout
