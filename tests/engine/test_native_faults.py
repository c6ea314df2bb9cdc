"""Signals that are not the guest's doing reach whom they would have reached without wadjet."""

import signal

from tests.engine.processes import run, succeeds


def crashes(program: str) -> str:
    """Run a program that dies of SIGSEGV; what it says on stderr."""
    result = run(program)
    assert result.returncode == -signal.SIGSEGV, result
    return result.stderr


CRASH = """
import ctypes
ctypes.string_at(0)
"""


def test_a_fault_outside_of_guests_ends_the_process() -> None:
    assert crashes("one = guest(); traps(one)" + CRASH) == ""


def test_a_fault_reaches_faulthandler_enabled_before() -> None:
    report = crashes("faulthandler.enable(); one = guest(); traps(one)" + CRASH)
    assert report.count("Fatal Python error: Segmentation fault") == 1
    assert "in <module>" in report


def test_a_fault_reaches_faulthandler_enabled_after() -> None:
    report = crashes("one = guest(); faulthandler.enable(); two = guest(); traps(one)" + CRASH)
    assert report.count("Fatal Python error: Segmentation fault") == 1


def test_handlers_are_put_back_at_the_next_beat() -> None:
    program = "one = guest(); traps(one); faulthandler.enable(); time.sleep(0.3); traps(one)"
    report = crashes(program + CRASH)
    assert report.count("Fatal Python error: Segmentation fault") == 1


def test_faulthandler_may_come_and_go() -> None:
    program = """
faulthandler.enable()
one = guest()
for _ in range(20):
    faulthandler.disable()
    traps(guest())
    faulthandler.enable()
    traps(guest())
traps(one)
"""
    assert crashes(program + "faulthandler.disable()" + CRASH) == ""
    report = crashes(program + CRASH)
    assert report.count("Fatal Python error: Segmentation fault") == 1


def test_a_fault_in_a_guest_but_in_none_of_its_memories() -> None:
    wild = """
faulthandler.enable()
one = guest()
traps(one)
from wadjet.engine.contract.layout import VM_CONTEXT
VM_CONTEXT.write(one.runtime.context, "memory_base", 64)
one.exports.load(0)
"""
    report = crashes(wild)
    assert report.count("Fatal Python error: Segmentation fault") == 1
    assert crashes(wild.replace("faulthandler.enable()", "")) == ""


def test_a_fault_that_somebody_sends() -> None:
    program = "one = guest(); traps(one); os.kill(os.getpid(), signal.SIGSEGV); time.sleep(5)"
    assert crashes(program) == ""
    report = crashes("faulthandler.enable();" + program)
    assert report.count("Fatal Python error: Segmentation fault") == 1


def test_python_handlers_of_the_metronomes_signal() -> None:
    """One set before, one set after; guests are interrupted all the same."""
    assert (
        succeeds("""
seen = []
signal.signal(signal.SIGURG, lambda *_: seen.append("before"))
one = guest(limits=Limits(seconds=0.05))

def ends():
    try:
        one.exports.loop()
    except Timeout:
        pass

ends()
assert seen == []
os.kill(os.getpid(), signal.SIGURG)
time.sleep(0.01)
assert seen == ["before"], seen
signal.signal(signal.SIGURG, lambda *_: seen.append("after"))
ends()
os.kill(os.getpid(), signal.SIGURG)
time.sleep(0.01)
print(seen)
""")
        == "['before', 'after']\n"
    )


def test_no_signal_stays_blocked() -> None:
    assert (
        succeeds("""
traps(guest())  # compiled, which takes its time
one = guest(limits=Limits(seconds=0.02))
before = signal.pthread_sigmask(signal.SIG_BLOCK, [])

def ends():
    for _ in range(5):
        traps(one)
        try:
            one.exports.loop()
        except Timeout:
            pass
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before

ends()
thread = threading.Thread(target=ends)
thread.start()
thread.join()
print("done")
""")
        == "done\n"
    )
