"""The tests of WASI 0.2 call every function through a guest, and see each fail that can."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import wadjet
from tests.corpora import corpora
from tests.interfaces import ORDER
from tests.wasi02.through import EXPORTED, LOG, exported_name
from wadjet.wit import model, resolve

FOLDER, SOURCE = Path(__file__).parent, Path(wadjet.__file__).parents[1]
FILES = [FOLDER / f"test_{name}.py" for name in ("functions", "http", "refusals")]
#: Functions whose result could be an error, and is none here.
NEVER_FAIL = {
    "the file is open, and stays so as long as the guest has it": """
        filesystem/types descriptor-get-flags
        filesystem/types descriptor-get-type
        filesystem/types descriptor-metadata-hash
        filesystem/types descriptor-stat""",
    "the directory is read when the stream is made": """
        filesystem/types directory-entry-stream-read-directory-entry""",
    "every limit is supported": """
        http/types request-options-set-between-bytes-timeout
        http/types request-options-set-connect-timeout
        http/types request-options-set-first-byte-timeout""",
    "what is wrong with a request is told by the future": """
        http/outgoing-handler handle""",
    "the system tells and takes these of any socket": """
        sockets/tcp tcp-socket-hop-limit
        sockets/tcp tcp-socket-keep-alive-count
        sockets/tcp tcp-socket-keep-alive-enabled
        sockets/tcp tcp-socket-keep-alive-idle-time
        sockets/tcp tcp-socket-keep-alive-interval
        sockets/tcp tcp-socket-receive-buffer-size
        sockets/tcp tcp-socket-send-buffer-size
        sockets/tcp tcp-socket-set-keep-alive-enabled
        sockets/udp udp-socket-receive-buffer-size
        sockets/udp udp-socket-send-buffer-size
        sockets/udp udp-socket-unicast-hop-limit""",
    "a datagram that did not arrive is nobody's error": """
        sockets/udp incoming-datagram-stream-receive
        sockets/udp outgoing-datagram-stream-check-send""",
}


def _functions() -> tuple[set[str], set[str]]:
    """Those that components import, and of these those that can fail."""
    base = corpora("wasi-wit") / "wasi-0.2.12"
    resolved = resolve([base / name / "wit" for name in ORDER], all_features=True)
    every, fallible, exported = set(), set(), 0
    for interface in resolved.interfaces:
        if interface.name is None:
            continue
        full = resolved.packages[interface.package].name.member(interface.name)
        if full.startswith(EXPORTED):
            exported += len(interface.functions)
            continue
        path = full.partition(":")[2].partition("@")[0]
        for function in interface.functions.values():
            key, result = f"{path} {exported_name(function)}", function.result
            every.add(key)
            if not (result is None or isinstance(result, model.Primitive)) and isinstance(
                resolved.types[result].kind, model.Result
            ):
                fallible.add(key)
    assert len(every) + exported == 181
    return every, fallible


@pytest.mark.slow
def test_every_function_is_called_and_fails(tmp_path: Path) -> None:
    every, fallible = _functions()
    log = tmp_path / "log"
    env = {**os.environ, LOG: str(log), "PYTHONPATH": str(SOURCE)}
    words = ["-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *map(str, FILES)]
    done = subprocess.run(
        [sys.executable, *words], env=env, cwd=FOLDER.parents[1], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    lines = set(log.read_text().splitlines())
    called = {line[7:] for line in lines if line.startswith("called")}
    failed = {line[7:] for line in lines if line.startswith("failed")}
    assert called == every
    never = {line.strip() for text in NEVER_FAIL.values() for line in text.split("\n")} - {""}
    assert fallible - failed == never
