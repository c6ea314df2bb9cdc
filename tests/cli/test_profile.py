"""Looking at what runs: flame graphs, the log, names for perf."""

import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import wadjet
from tests.cli.process import ENV
from wadjet.tools.flamegraph import html, svg

TEXT = """(module $busy
  (func $inner (param i32) (result i32) (local i32)
    (loop $on
      (local.set 1 (i32.rotl (i32.mul (i32.xor (local.get 1) (local.get 0)) (i32.const 0x9E3779B1))
        (local.get 1)))
      (br_if $on (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func $outer (export "work") (param i32) (result i32)
    (i32.add (call $inner (local.get 0)) (i32.const 1)))
  (func (export "_start") (drop (call $outer (i32.const 150_000_000)))))
"""
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="perf is Linux's")


def run(tmp_path: Path, *options: str, **env: str) -> "subprocess.CompletedProcess[str]":
    file = tmp_path / "busy.wat"
    file.write_text(TEXT)
    command = [sys.executable, "-m", "wadjet", "run", *options, str(file)]
    env = {**ENV, "WADJET_CACHE": "off", **env}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=env, cwd=tmp_path
    )


@pytest.mark.parametrize("name", ["out.svg", "out.html"])
def test_a_flame_graph_of_a_run(tmp_path: Path, name: str) -> None:
    run(tmp_path, "--tier", "optimizing", "--profile", str(tmp_path / name))
    text = (tmp_path / name).read_text()
    found = {n: int(k) for n, k in re.findall(r"<title>(\S+): (\d+) samples", text)}
    assert found["busy.wat"] > 20
    assert found["busy!inner"] > found["busy.wat"] // 2
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    ElementTree.fromstring(text[text.index("<svg") :])


def test_stacks_are_counted_while_it_lasts() -> None:
    instance = wadjet.Instance(wadjet.Module.from_text(TEXT), tier="optimizing")
    with wadjet.Profile() as profile:
        instance.exports.work(50_000_000)
    stacks = profile.stacks
    assert sum(stacks.values()) > 5
    assert {stack[-1] for stack in stacks} <= {"busy!inner", "busy!outer"}
    instance.exports.work(20_000_000)
    assert profile.stacks == stacks


def test_what_ran_before_is_not_counted() -> None:
    other = wadjet.Module.from_text("""(func (export "f") (param i32)
      (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))""")
    before = wadjet.Instance(other, tier="baseline")
    instance = wadjet.Instance(wadjet.Module.from_text(TEXT), tier="optimizing")
    with wadjet.Profile():
        before.exports.f(50_000_000)
    before.exports.f(100_000_000)
    with wadjet.Profile() as profile:
        instance.exports.work(50_000_000)
    assert {stack[-1] for stack in profile.stacks} <= {"busy!inner", "busy!outer"}


def test_the_picture_shows_what_was_counted() -> None:
    stacks = {("a", "b<"): 3, ("a",): 1, ("c", "b<", "a"): 4, ("rare",): 0}
    picture = ElementTree.fromstring(svg(stacks, "all & more", 0.5))
    titles = [title.text for title in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert "all & more: 8 samples, 4.00 s, 100.0 %" in titles
    assert "b<: 3 samples, 1.50 s, 37.5 %" in titles
    widths = [
        float(rect.get("width", "0")) for rect in picture.iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert sorted(widths) == [450.0, 600.0, 600.0, 600.0, 600.0, 1200.0]
    assert svg({}, "nothing").count("<rect") == 0
    assert html(stacks).startswith("<!doctype html>")
    deep = {tuple(f"f{k}" for k in range(5000)): 1}
    ElementTree.fromstring(svg(deep))


def test_the_log_tells_what_is_compiled(tmp_path: Path) -> None:
    log = tmp_path / "log"
    cache = tmp_path / "cache"
    for _ in range(2):
        run(tmp_path, "--tier", "optimizing", WADJET_LOG=str(log), WADJET_CACHE=str(cache))
    lines = log.read_text().splitlines()
    assert all(re.match(r"wadjet \d+ +[\d.]+ s: ", line) for line in lines)
    compiled = [line for line in lines if "compiled busy!inner at its first call: level" in line]
    assert len(compiled) == 1
    assert len([line for line in lines if "cache: found 3 functions" in line]) == 1
    shown = run(tmp_path, "--tier", "optimizing", WADJET_LOG="1").stderr
    assert "compiled busy!inner at its first call" in shown


@linux_only
def test_perf_gets_a_map(tmp_path: Path) -> None:
    program = """
import os, sys, wadjet
instance = wadjet.Instance(wadjet.Module.from_file(sys.argv[1]), tier="optimizing")
instance.exports.work(5)
path = f"/tmp/perf-{os.getpid()}.map"
print(open(path).read())
os.unlink(path)
"""
    file = tmp_path / "busy.wat"
    file.write_text(TEXT)
    env = {**ENV, "WADJET_PERF": "map"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)],
        capture_output=True, text=True, check=True, env=env,
    )  # fmt: skip
    names = [line.split(" ", 2)[2] for line in done.stdout.splitlines() if line]
    assert sum(name.startswith("busy!inner") for name in names) >= 1
    assert all(int(line.split()[1], 16) > 0 for line in done.stdout.splitlines() if line)


@linux_only
def test_perf_gets_the_code(tmp_path: Path) -> None:
    run(tmp_path, "--tier", "optimizing", WADJET_PERF="jitdump")
    (dump,) = tmp_path.glob("jit-*.dump")
    data = dump.read_bytes()
    assert data[:4] == b"DTiJ"
    at, names = struct.unpack_from("<I", data, 8)[0], []
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        assert kind == 0
        address, again, length, number = struct.unpack_from("<QQQQ", data, at + 24)
        assert address == again
        assert number == len(names)
        name = data[at + 56 : data.index(b"\0", at + 56)]
        assert size == 56 + len(name) + 1 + length
        names.append(name.decode())
        at += size
    assert at == len(data)
    assert {name.split(" [")[0] for name in names} >= {"busy!inner", "busy!outer"}
    assert os.stat(dump).st_mode & 0o077 == 0
