"""Programs of WASI 0.1 with embedded files: what they see, and that they see nothing else."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import wadjet
from tests.component.test_build_new import core, world_of
from tests.component.test_preview1 import component_of
from wadjet.api.component import Component as Runnable
from wadjet.base.errors import Invalid
from wadjet.cli import main
from wadjet.component.binary import decode, encode
from wadjet.component.build.new import new
from wadjet.component.component import Component
from wadjet.component.compose import plug
from wadjet.component.compose.files import Tree, planted
from wadjet.component.compose.virtual import Wishes, virtualization
from wadjet.component.features import ALL
from wadjet.core.binary import encode as encode_module
from wadjet.core.text import parse

#: says what is in /etc/greeting, and ends well if everything else is refused as it should be
PROGRAM = r"""(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "etc/greeting")
  (data (i32.const 32) "../etc/greeting")
  (data (i32.const 48) "/etc/greeting")
  (data (i32.const 64) "etc/new")
  (data (i32.const 80) "etc/greeting/x")
  (func $expect (param $got i32) (param $wanted i32)
    (if (i32.ne (local.get $got) (local.get $wanted)) (then unreachable)))
  (func $try (param $path i32) (param $size i32) (param $how i32) (param $rights i64) (result i32)
    (call $open (i32.const 3) (i32.const 0) (local.get $path) (local.get $size) (local.get $how)
      (local.get $rights) (i64.const 0) (i32.const 0) (i32.const 8)))
  (func (export "_start")
    (call $expect (call $try (i32.const 16) (i32.const 12) (i32.const 0) (i64.const 2))
      (i32.const 0))
    (i32.store (i32.const 240) (i32.const 256))
    (i32.store (i32.const 244) (i32.const 100))
    (call $expect (call $read (i32.load (i32.const 8)) (i32.const 240) (i32.const 1) (i32.const 12))
      (i32.const 0))
    (i32.store (i32.const 244) (i32.load (i32.const 12)))
    (call $expect (call $write (i32.const 1) (i32.const 240) (i32.const 1) (i32.const 12))
      (i32.const 0))
    (i32.store (i32.const 244) (i32.const 100))
    (call $expect (call $read (i32.load (i32.const 8)) (i32.const 240) (i32.const 1) (i32.const 12))
      (i32.const 0))
    (call $expect (i32.load (i32.const 12)) (i32.const 0))
    (call $expect (call $try (i32.const 32) (i32.const 15) (i32.const 0) (i64.const 2))
      (i32.const 63))  ;; not-permitted: out of the root
    (call $expect (call $try (i32.const 48) (i32.const 13) (i32.const 0) (i64.const 2))
      (i32.const 63))
    (call $expect (call $try (i32.const 64) (i32.const 7) (i32.const 0) (i64.const 2))
      (i32.const 44))  ;; no-entry
    (call $expect (call $try (i32.const 64) (i32.const 7) (i32.const 1) (i64.const 64))
      (i32.const 69))  ;; read-only
    (call $expect (call $try (i32.const 16) (i32.const 12) (i32.const 0) (i64.const 64))
      (i32.const 69))
    (call $expect (call $try (i32.const 16) (i32.const 12) (i32.const 5) (i64.const 64))
      (i32.const 20))  ;; exist
    (call $expect (call $try (i32.const 16) (i32.const 12) (i32.const 2) (i64.const 2))
      (i32.const 54))  ;; not-directory
    (call $expect (call $try (i32.const 80) (i32.const 14) (i32.const 0) (i64.const 2))
      (i32.const 54))))"""

#: a guest of WASI 0.2 by itself, and of a later version; the answers are in the order of asking
WIT = """package a:b;
world app {
  import wasi:filesystem/types@0.2.5;
  import wasi:filesystem/preopens@0.2.5;
  export ask: func() -> list<u8>;
}
package wasi:filesystem@0.2.5 {
  interface types {
    flags descriptor-flags {
      read, write, file-integrity-sync, data-integrity-sync, requested-write-sync,
      mutate-directory,
    }
    enum error-code { access, would-block, already }
    enum advice { normal, sequential }
    resource descriptor {
      get-flags: func() -> result<descriptor-flags, error-code>;
      advise: func(offset: u64, length: u64, advice: advice) -> result<_, error-code>;
      is-same-object: func(other: borrow<descriptor>) -> bool;
    }
  }
  interface preopens {
    use types.{descriptor};
    get-directories: func() -> list<tuple<descriptor, string>>;
  }
}"""
APP = """(module
  (import "wasi:filesystem/preopens@0.2.5" "get-directories" (func $directories (param i32)))
  (import "wasi:filesystem/types@0.2.5" "[method]descriptor.get-flags"
    (func $flags (param i32 i32)))
  (import "wasi:filesystem/types@0.2.5" "[method]descriptor.advise"
    (func $advise (param i32 i64 i64 i32 i32)))
  (import "wasi:filesystem/types@0.2.5" "[method]descriptor.is-same-object"
    (func $same (param i32 i32) (result i32)))
  (import "wasi:filesystem/types@0.2.5" "[resource-drop]descriptor" (func $drop (param i32)))
  (memory (export "memory") 1)
  (global $at (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $at)
    (global.set $at (i32.add (global.get $at)
      (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8)))))
  (func $directory (result i32)
    (call $directories (i32.const 64))
    (i32.load (i32.load (i32.const 64))))
  (func (export "ask") (result i32) (local $one i32) (local $two i32)
    (local.set $one (call $directory))
    (local.set $two (call $directory))
    (call $flags (local.get $one) (i32.const 16))
    (call $advise (local.get $one) (i64.const 0) (i64.const 0) (i32.const 1) (i32.const 18))
    (i32.store8 (i32.const 20) (call $same (local.get $one) (local.get $two)))
    (call $drop (local.get $one))
    (call $drop (local.get $two))
    (i32.store (i32.const 8) (i32.const 16))
    (i32.store (i32.const 12) (i32.const 5))
    (i32.const 8)))"""

STREAMING_WIT = """package a:b;
world app {
  import wasi:filesystem/types@0.2.0;
  import wasi:filesystem/preopens@0.2.0;
  import wasi:cli/stdin@0.2.0;
  import wasi:cli/stdout@0.2.0;
  import wasi:clocks/monotonic-clock@0.2.0;
  export wasi:cli/run@0.2.0;
}
package wasi:io@0.2.0 {
  interface error { resource error; }
  interface poll { resource pollable { block: func(); } }
  interface streams {
    use error.{error};
    use poll.{pollable};
    variant stream-error { last-operation-failed(error), closed }
    resource input-stream {
      blocking-read: func(len: u64) -> result<list<u8>, stream-error>;
      skip: func(len: u64) -> result<u64, stream-error>;
      subscribe: func() -> pollable;
    }
    resource output-stream {
      blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
    }
  }
}
package wasi:clocks@0.2.0 {
  interface monotonic-clock {
    use wasi:io/poll@0.2.0.{pollable};
    subscribe-duration: func(when: u64) -> pollable;
  }
}
package wasi:cli@0.2.0 {
  interface stdin {
    use wasi:io/streams@0.2.0.{input-stream};
    get-stdin: func() -> input-stream;
  }
  interface stdout {
    use wasi:io/streams@0.2.0.{output-stream};
    get-stdout: func() -> output-stream;
  }
  interface run { run: func() -> result; }
}
package wasi:filesystem@0.2.0 {
  interface types {
    use wasi:io/streams@0.2.0.{input-stream};
    enum error-code { access }
    flags path-flags { symlink-follow }
    flags open-flags { create }
    flags descriptor-flags { read }
    resource descriptor {
      read-via-stream: func(offset: u64) -> result<input-stream, error-code>;
      open-at: func(path-flags: path-flags, path: string, open-flags: open-flags,
        %flags: descriptor-flags) -> result<descriptor, error-code>;
    }
  }
  interface preopens {
    use types.{descriptor};
    get-directories: func() -> list<tuple<descriptor, string>>;
  }
}"""
#: writes what a stream gives from byte 4 on, less two bytes; then it must be closed, as must stdin
STREAMING = """(module
  (import "wasi:filesystem/preopens@0.2.0" "get-directories" (func $directories (param i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.open-at"
    (func $open (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.0" "[method]descriptor.read-via-stream"
    (func $stream (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read"
    (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]input-stream" (func $drop (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[method]input-stream.skip" (func $skip (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.0" "[method]input-stream.subscribe"
    (func $subscribe (param i32) (result i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration"
    (func (param i64) (result i32)))
  (import "wasi:cli/stdin@0.2.0" "get-stdin" (func $in (result i32)))
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $out (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "greeting")
  (global $at (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $at)
    (global.set $at (i32.add (global.get $at)
      (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8)))))
  (func (export "wasi:cli/run@0.2.0#run") (result i32) (local $in i32)
    (call $directories (i32.const 16))
    (call $open (i32.load (i32.load (i32.const 16))) (i32.const 0) (i32.const 100) (i32.const 8)
      (i32.const 0) (i32.const 1) (i32.const 32))
    (call $stream (i32.load (i32.const 36)) (i64.const 4) (i32.const 48))
    (local.set $in (i32.load (i32.const 52)))
    (call $block (call $subscribe (local.get $in)))
    (call $skip (local.get $in) (i64.const 2) (i32.const 64))
    (call $read (local.get $in) (i64.const 99) (i32.const 64))
    (call $write (call $out) (i32.load (i32.const 68)) (i32.load (i32.const 72)) (i32.const 80))
    (call $read (local.get $in) (i64.const 99) (i32.const 64))
    (call $drop (local.get $in))
    (local.set $in (call $in))
    (call $block (call $subscribe (local.get $in)))
    (call $read (local.get $in) (i64.const 99) (i32.const 88))
    (i32.or (i32.ne (i32.load8_u (i32.const 88)) (i32.const 1))
      (i32.or (i32.ne (i32.load8_u (i32.const 64)) (i32.const 1))
        (i32.ne (i32.load8_u (i32.const 68)) (i32.const 1))))))"""

C = r"""
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void list(const char *path) {
    DIR *dir = opendir(path);
    if (!dir) { printf("%s: %s\n", path, strerror(errno)); return; }
    struct dirent *each;
    while ((each = readdir(dir))) printf("%s: %s %d\n", path, each->d_name, each->d_type == DT_DIR);
    closedir(dir);
}

static void show(const char *path) {
    char line[64];
    struct stat about;
    FILE *file = fopen(path, "r");
    if (!file) { printf("%s: %s\n", path, strerror(errno)); return; }
    if (stat(path, &about)) printf("no stat\n");
    printf("%s is %d:", path, (int)about.st_size);
    fseek(file, 1, SEEK_SET);
    while (fgets(line, sizeof line, file)) printf(" %s", line);
    fclose(file);
}

int main(int argc, char **argv) {
    list("/");
    list("/data");
    for (int i = 0; i < 2000; i++) { DIR *dir = opendir("/data"); readdir(dir); closedir(dir); }
    show("/data/one.txt");
    show("data/in/../two.txt");
    show("/data/in/deep.txt");
    show("/etc/passwd");
    show(argv[0]);
    if (!fopen("/data/new.txt", "w")) printf("new: %s\n", strerror(errno));
    if (!fopen("/data/one.txt", "a")) printf("append: %s\n", strerror(errno));
    if (remove("/data/one.txt")) printf("remove: %s\n", strerror(errno));
    if (mkdir("/data/dir", 0700)) printf("mkdir: %s\n", strerror(errno));
    if (rename("/data/one.txt", "/data/x")) printf("rename: %s\n", strerror(errno));
    return 0;
}
"""
SAID = """/: . 1
/: .. 1
/: data 1
/data: . 1
/data: .. 1
/data: in 1
/data: one.txt 0
/data: two.txt 0
/data/one.txt is 6: irst
data/in/../two.txt is 14: econd
  third
/data/in/deep.txt is 5: eep
/etc/passwd: No such file or directory
program.wasm: No such file or directory
new: Read-only file system
append: Read-only file system
remove: Read-only file system
mkdir: Read-only file system
rename: Read-only file system
"""


def embedded(component: Component, files: Tree) -> Component:
    return plug(component, [virtualization(component, Wishes(files=files))])


def test_a_program_finds_its_files_and_no_others(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = embedded(component_of(encode_module(parse(PROGRAM))), {"etc": {"greeting": b"hello\n"}})
    assert "wasi:filesystem" not in world_of(made)
    (tmp_path / "p.wasm").write_bytes(encode(made))
    assert main(["run", str(tmp_path / "p.wasm")]) == 0
    assert capfd.readouterr().out == "hello\n"


def test_a_guest_of_a_later_version() -> None:
    made = embedded(new(core(APP, WIT)), {})
    assert "import" not in world_of(made)
    assert Runnable(encode(made)).instantiate({}).ask() == bytes([0, 1, 0, 0, 1])


def test_streams(tmp_path: Path) -> None:
    made = embedded(new(core(STREAMING, STREAMING_WIT)), {"greeting": b"0123hello"})
    assert "wasi:filesystem" not in world_of(made)
    (tmp_path / "p.wasm").write_bytes(encode(made))
    result = wadjet.run(tmp_path / "p.wasm", stdin=b"")
    assert (result.returncode, result.stdout) == (0, b"llo")


def test_two_streams_at_once() -> None:
    wit = STREAMING_WIT.replace("write-and-flush: func(", "splice: func(in: borrow<input-stream>, ")
    app = STREAMING.replace("write-and-flush", "splice")
    app = app.replace("$write (param i32", "$write (param i32 i32")
    app = app.replace("(call $write (call $out)", "(call $write (call $out) (local.get $in)")
    with pytest.raises(Invalid, match=r"beside `.method.output-stream.blocking-splice`"):
        embedded(new(core(app, wit)), {})


@pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="NO COMPILER: ziglang")
def test_a_program_in_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("files.c").write_text(C)
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-wasi", "-O1"]
    subprocess.run([*compiler, "-o", "core.wasm", "files.c"], check=True, timeout=300)
    Path("host/in").mkdir(parents=True)
    Path("host/in/deep.txt").write_text("deep\n")
    Path("host/two.txt").write_text("second\n third\n")
    Path("first").write_text("first\n")
    mounts = ["--mount", "/data=host", "--mount", "/data/one.txt=first"]
    assert main(["component", "new", "core.wasm", "-o", "component.wasm"]) == 0
    assert main(["virt", "component.wasm", *mounts, "-o", "program.wasm"]) == 0
    assert "wasi:filesystem" not in world_of(decode(Path("program.wasm").read_bytes(), ALL))
    assert main(["run", "program.wasm"]) == 0
    assert capfd.readouterr().out == SAID


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: planted({"a": b""}, "a/b", b""), "two files are mounted"),
        (lambda: planted({"a": b""}, "a", {}), "two files are mounted"),
        (
            lambda: planted({"a": {"b": b""}}, "/", {"a": {"b": b""}}),
            "two files are mounted",
        ),
        (lambda: planted({}, "/../a", b""), "not a path from the root"),
        (lambda: planted({}, "/", b""), "the root is a folder"),
    ],
)
def test_what_cannot_be_mounted(make: Callable[[], Tree], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        make()


def test_folders_are_merged() -> None:
    tree = planted(planted({}, "/a/b", {"x": b"1"}), "./a", {"b": {"y": b"2"}, "c": {}})
    assert tree == {"a": {"b": {"x": b"1", "y": b"2"}, "c": {}}}
