"""The signal handlers, as LLVM text: faults become traps, ticks stop guests or let Python look.

A handler acts only if the interrupted program counter is in guest code; everything else goes to
whoever handled the signal before, as if wadjet were not there.
"""

from wadjet.engine.contract.machine import ACTIVATION_FRAMES, MAX_FRAMES, Platform
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.members import rt, word


def capture() -> str:
    """Walk the guest's frames by their frame pointers, up to the activation itself."""
    return f"""
define hidden void @wj_capture(ptr %act, ptr %pc0, ptr %fp0) #2 {{
entry:
  %frames = getelementptr i8, ptr %act, i64 {ACTIVATION_FRAMES}
  %low = load ptr, ptr {rt("code_low")}
  %high = load ptr, ptr {rt("code_high")}
  br label %loop
loop:
  %n = phi i64 [ 0, %entry ], [ %n.1, %next ]
  %pc = phi ptr [ %pc0, %entry ], [ %pc.1, %next ]
  %fp = phi ptr [ %fp0, %entry ], [ %fp.1, %next ]
  %above = icmp uge ptr %pc, %low
  %below = icmp ult ptr %pc, %high
  %ours = and i1 %above, %below
  %room = icmp ult i64 %n, {MAX_FRAMES}
  %more = and i1 %ours, %room
  br i1 %more, label %keep, label %done
keep:
  %slot = getelementptr ptr, ptr %frames, i64 %n
  store ptr %pc, ptr %slot
  %n.1 = add i64 %n, 1
  %inside = icmp ult ptr %fp, %act
  br i1 %inside, label %next, label %last
next:
  %pc.p = getelementptr i8, ptr %fp, i64 8
  %pc.1 = load ptr, ptr %pc.p
  %fp.1 = load ptr, ptr %fp
  %up = icmp ugt ptr %fp.1, %fp
  br i1 %up, label %loop, label %last
last:
  br label %done
done:
  %count = phi i64 [ %n, %loop ], [ %n.1, %last ]
  %count.p = {word("act", "%act", "frame_count")}
  store i64 %count, ptr %count.p
  ret void
}}
"""


def _guest_state(platform: Platform, other: str) -> str:
    """In a signal handler: %act, %pc, %fp of the guest, or go to `other`."""
    return f"""
entry:
  %t = call ptr @wj_thread()
  %thread.ok = icmp ne ptr %t, null
  br i1 %thread.ok, label %threaded, label %{other}
threaded:
  %activation.p = {word("thread", "%t", "activation")}
  %act = load ptr, ptr %activation.p
  %act.ok = icmp ne ptr %act, null
  br i1 %act.ok, label %running, label %{other}
running:
  %pc.p = getelementptr i8, ptr %uc, i64 {platform.pc}
  %pc = load ptr, ptr %pc.p
  %fp.p = getelementptr i8, ptr %uc, i64 {platform.frame}
  %fp = load ptr, ptr %fp.p
  %low = load ptr, ptr {rt("code_low")}
  %high = load ptr, ptr {rt("code_high")}
  %above = icmp uge ptr %pc, %low
  %below = icmp ult ptr %pc, %high
  %ours = and i1 %above, %below
  br i1 %ours, label %guest, label %{other}
guest:"""


def on_fault(platform: Platform) -> str:
    """SIGSEGV and SIGBUS: an access outside a memory becomes a trap, all else goes on as before."""
    return f"""
define hidden void @wj_on_fault(i32 %sig, ptr %info, ptr %uc) #2 {{
{_guest_state(platform, "chain")}
  %address.p = getelementptr i8, ptr %info, i64 {platform.address}
  %address = load ptr, ptr %address.p
  %regions = load ptr, ptr {rt("regions")}
  %count = load i64, ptr {rt("region_count")}
  br label %search
search:
  %k = phi i64 [ 0, %guest ], [ %k.1, %look ]
  %left = icmp ult i64 %k, %count
  br i1 %left, label %look, label %chain
look:
  %pair = getelementptr [2 x ptr], ptr %regions, i64 %k
  %from = load ptr, ptr %pair
  %to.p = getelementptr i8, ptr %pair, i64 8
  %to = load ptr, ptr %to.p
  %k.1 = add i64 %k, 1
  %after = icmp uge ptr %address, %from
  %before = icmp ult ptr %address, %to
  %hit = and i1 %after, %before
  br i1 %hit, label %trap, label %search
trap:
  call void @wj_capture(ptr %act, ptr %pc, ptr %fp)
  call void @wj_jump(ptr %act, i64 {TrapCode.OUT_OF_BOUNDS_MEMORY})
  unreachable
chain:
  %is.bus = icmp eq i32 %sig, {platform.bus}
  %old.segv = load ptr, ptr {rt("old_segv")}
  %old.bus = load ptr, ptr {rt("old_bus")}
  %old = select i1 %is.bus, ptr %old.bus, ptr %old.segv
  %some = icmp ugt ptr %old, inttoptr (i64 1 to ptr)
  br i1 %some, label %call, label %default
call:
  call void %old(i32 %sig, ptr %info, ptr %uc)
  ret void
default:
  %ignored = call ptr @signal(i32 %sig, ptr null)
  ret void
}}
"""


def on_tick(platform: Platform) -> str:
    """The metronome's signal: stop the guest if its store says so; let Python see its signals."""
    return f"""
define hidden void @wj_on_tick(i32 %sig, ptr %info, ptr %uc) #2 {{
{_guest_state(platform, "other")}
  %sample.p = {word("thread", "%t", "sample")}
  store ptr %pc, ptr %sample.p
  %store.p = {word("act", "%act", "store")}
  %store = load ptr, ptr %store.p
  %interrupt.p = {word("store", "%store", "interrupt")}
  %interrupt = load volatile i64, ptr %interrupt.p
  %quiet = icmp eq i64 %interrupt, 0
  br i1 %quiet, label %poll, label %stop
stop:
  call void @wj_capture(ptr %act, ptr %pc, ptr %fp)
  call void @wj_jump(ptr %act, i64 %interrupt)
  unreachable
poll:
  %main = load ptr, ptr {rt("main_thread")}
  %is.main = icmp eq ptr %t, %main
  br i1 %is.main, label %look, label %other
look:
  %errno.p = call ptr @__errno_location()
  %errno = load i32, ptr %errno.p
  %tstate.p = {word("act", "%act", "tstate")}
  %tstate = load ptr, ptr %tstate.p
  call void @PyEval_RestoreThread(ptr %tstate)
  %status = call i32 @PyErr_CheckSignals()
  %raised = icmp ne i32 %status, 0
  br i1 %raised, label %error, label %back
error:
  call void @wj_capture(ptr %act, ptr %pc, ptr %fp)
  call void @wj_host_error(ptr %act)
  unreachable
back:
  %again = call ptr @PyEval_SaveThread()
  store ptr %again, ptr %tstate.p
  store i32 %errno, ptr %errno.p
  ret void
other:
  ret void
}}
"""
