"""The signal handlers, as LLVM text: faults become traps, ticks stop guests or let Python look;
and what the metronome does to other threads.

A handler acts only if the interrupted program counter is in guest code; everything else goes to
whoever handled the signal before, as if wadjet were not there.
"""

from typing import Final

from wadjet.engine.contract.continuations import RESERVE, SAVED
from wadjet.engine.contract.machine import (
    ACTIVATION_BASE, ACTIVATION_FRAMES, GENERATIONS, MAX_FRAMES, THREAD_ALIVE, THREAD_BUSY,
    THREAD_GONE, Platform,
)  # fmt: skip
from wadjet.engine.contract.traps import TrapCode
from wadjet.engine.emit.members import rt, word

#: A stack's guard, or what the system leaves free below, is no smaller than a page that a probe
#: can touch, and no larger than this.
_GUARD: Final = 1 << 20
#: sigaltstack's flag
_SS_DISABLE: Final = 2


def handlers(platform: Platform, arch: str) -> str:
    """All of them."""
    parts = [_capture(arch), _look(), _stop_run(), _tap(platform), _gone(), _fault(platform)]
    return "\n".join([*parts, *map(_generation, range(GENERATIONS)), _tick(platform), _signals()])


# long: one function of LLVM text
def _capture(arch: str) -> str:
    """Walk the frames by their frame pointers, from the stack that runs to the activation's own,
    and keep where in the guest's code they are: at `pc0` (exactly), then at the calls before the
    return addresses. (A walk that begins on the thread's own stack, where Python was called from
    another one, begins anew on that.)"""
    frame = SAVED[arch].frame
    return f"""
define hidden void @wj_capture(ptr %act, ptr %pc0, ptr %fp0) #2 {{
entry:
  %frames = getelementptr i8, ptr %act, i64 {ACTIVATION_FRAMES}
  %base = getelementptr i8, ptr %act, i64 {ACTIVATION_BASE}
  %low = load ptr, ptr {rt("code_low")}
  %high = load ptr, ptr {rt("code_high")}
  %store.p = {word("act", "%act", "store")}
  %store = load ptr, ptr %store.p
  %cur.p = {word("store", "%store", "stack")}
  %cur = load ptr, ptr %cur.p
  %own = icmp eq ptr %cur, %base
  br i1 %own, label %loop, label %where
where:
  %low.p = {word("stack", "%cur", "low")}
  %lowest = load ptr, ptr %low.p
  %end = getelementptr i8, ptr %lowest, i64 -{RESERVE}
  %over = icmp uge ptr %fp0, %end
  %under = icmp ult ptr %fp0, %cur
  %there = and i1 %over, %under
  br i1 %there, label %loop, label %enter
loop:
  %stack = phi ptr [ %cur, %entry ], [ %cur, %where ], [ %stack, %next ], [ %s, %enter ]
  %n = phi i64 [ 0, %entry ], [ 0, %where ], [ %n.1, %next ], [ %n.2, %enter ]
  %pc = phi ptr [ %pc0, %entry ], [ %pc0, %where ], [ %pc.1, %next ], [ null, %enter ]
  %fp = phi ptr [ %fp0, %entry ], [ %fp0, %where ], [ %fp.1, %next ], [ %fp.2, %enter ]
  %above = icmp uge ptr %pc, %low
  %below = icmp ult ptr %pc, %high
  %ours = and i1 %above, %below
  %slot = getelementptr ptr, ptr %frames, i64 %n
  br i1 %ours, label %keep, label %skip
keep:
  store ptr %pc, ptr %slot
  br label %skip
skip:
  %kept = zext i1 %ours to i64
  %n.1 = add i64 %n, %kept
  %room = icmp ult i64 %n.1, {MAX_FRAMES}
  br i1 %room, label %further, label %done
further:
  %inside = icmp ult ptr %fp, %stack
  br i1 %inside, label %up, label %out
up:
  %return.p = getelementptr i8, ptr %fp, i64 8
  %return = load ptr, ptr %return.p
  %pc.1 = getelementptr i8, ptr %return, i64 -1
  %fp.1 = load ptr, ptr %fp
  %rising = icmp ugt ptr %fp.1, %fp
  br i1 %rising, label %next, label %out
next:
  br label %loop
out:
  %parent.p = {word("stack", "%stack", "parent")}
  %parent = load ptr, ptr %parent.p
  %more = icmp ne ptr %parent, null
  br i1 %more, label %enter, label %done
enter:
  %s = phi ptr [ %cur, %where ], [ %parent, %out ]
  %n.2 = phi i64 [ 0, %where ], [ %n.1, %out ]
  %sp.p = {word("stack", "%s", "sp")}
  %sp = load ptr, ptr %sp.p
  %frame.p = getelementptr i8, ptr %sp, i64 {frame}
  %fp.2 = load ptr, ptr %frame.p
  br label %loop
done:
  %all = phi i64 [ %n.1, %skip ], [ %n.1, %out ]
  %count.p = {word("act", "%act", "frame_count")}
  store i64 %all, ptr %count.p
  ret void
}}
"""


def _look() -> str:
    """The runs of a thread, each store's outermost: (serial, VMStore) into `buffer`, innermost
    first, no more than `room`; their number, or -1 if the thread has ended."""
    return f"""
define hidden i64 @wj_look(ptr %t, ptr %buffer, i64 %room) #2 {{
entry:
  %state.p = {word("thread", "%t", "state")}
  %state = load atomic i64, ptr %state.p acquire, align 8
  %gone = icmp eq i64 %state, {THREAD_GONE}
  br i1 %gone, label %ended, label %begin
begin:
  %activation.p = {word("thread", "%t", "activation")}
  %first = load atomic ptr, ptr %activation.p acquire, align 8
  br label %loop
loop:
  %act = phi ptr [ %first, %begin ], [ %previous, %next ]
  %n = phi i64 [ 0, %begin ], [ %n.1, %next ]
  %some = icmp ne ptr %act, null
  %left = icmp ult i64 %n, %room
  %more = and i1 %some, %left
  br i1 %more, label %see, label %done
see:
  %outer.p = {word("act", "%act", "outer")}
  %outer = load ptr, ptr %outer.p
  %outermost = icmp eq ptr %outer, null
  br i1 %outermost, label %keep, label %next
keep:
  %pair = getelementptr [2 x i64], ptr %buffer, i64 %n
  %serial.p = {word("act", "%act", "serial")}
  %serial = load i64, ptr %serial.p
  store i64 %serial, ptr %pair
  %store.p = {word("act", "%act", "store")}
  %store = load i64, ptr %store.p
  %second = getelementptr i8, ptr %pair, i64 8
  store i64 %store, ptr %second
  br label %next
next:
  %kept = zext i1 %outermost to i64
  %n.1 = add i64 %n, %kept
  %previous.p = {word("act", "%act", "previous")}
  %previous = load ptr, ptr %previous.p
  br label %loop
done:
  ret i64 %n
ended:
  ret i64 -1
}}
"""


def _stop_run() -> str:
    """Let a thread's run with this serial end, and all inside it: their stores say why."""
    return f"""
define hidden void @wj_stop(ptr %t, i64 %serial, i64 %code) #2 {{
entry:
  %activation.p = {word("thread", "%t", "activation")}
  %first = load atomic ptr, ptr %activation.p acquire, align 8
  br label %search
search:
  %seek = phi ptr [ %first, %entry ], [ %seek.1, %further ]
  %some = icmp ne ptr %seek, null
  br i1 %some, label %compare, label %done
compare:
  %serial.p = {word("act", "%seek", "serial")}
  %this = load i64, ptr %serial.p
  %found = icmp eq i64 %this, %serial
  br i1 %found, label %mark, label %further
further:
  %previous.p = {word("act", "%seek", "previous")}
  %seek.1 = load ptr, ptr %previous.p
  br label %search
mark:
  %act = phi ptr [ %first, %compare ], [ %act.1, %inner ]
  %store.p = {word("act", "%act", "store")}
  %store = load ptr, ptr %store.p
  %interrupt.p = {word("store", "%store", "interrupt")}
  %until.p = {word("store", "%store", "until")}
  store ptr %act, ptr %until.p
  store volatile i64 %code, ptr %interrupt.p
  %last = icmp eq ptr %act, %seek
  br i1 %last, label %done, label %inner
inner:
  %outward.p = {word("act", "%act", "previous")}
  %act.1 = load ptr, ptr %outward.p
  br label %mark
done:
  ret void
}}
"""


def _tap(platform: Platform) -> str:
    """Interrupt a thread's guest code. The state keeps the thread from ending meanwhile."""
    return f"""
define hidden void @wj_tap(ptr %t) #2 {{
entry:
  %state.p = {word("thread", "%t", "state")}
  %pair = cmpxchg ptr %state.p, i64 {THREAD_ALIVE}, i64 {THREAD_BUSY} acquire monotonic
  %alive = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %alive, label %look, label %done
look:
  %activation.p = {word("thread", "%t", "activation")}
  %act = load atomic ptr, ptr %activation.p acquire, align 8
  %inside = icmp ne ptr %act, null
  br i1 %inside, label %running, label %release
running:
  %tstate.p = {word("act", "%act", "tstate")}
  %tstate = load volatile ptr, ptr %tstate.p
  %native = icmp ne ptr %tstate, null
  br i1 %native, label %tap, label %release
tap:
  %tapped.p = {word("thread", "%t", "tapped")}
  store atomic i64 1, ptr %tapped.p release, align 8
  %pthread.p = {word("thread", "%t", "pthread")}
  %pthread = load i64, ptr %pthread.p
  %status = call i32 @pthread_kill(i64 %pthread, i32 {platform.tick})
  br label %release
release:
  store atomic i64 {THREAD_ALIVE}, ptr %state.p release, align 8
  br label %done
done:
  ret void
}}
"""


def _gone() -> str:
    """The C library calls this as a thread ends. After the last store the VMThread may be freed."""
    return f"""
define hidden void @wj_gone(ptr %t) #2 {{
entry:
  %stack = alloca [3 x i64], align 8
  %alternate.p = {word("thread", "%t", "alternate")}
  %alternate = load i64, ptr %alternate.p
  %ours = icmp ne i64 %alternate, 0
  br i1 %ours, label %disable, label %try
disable:
  store [3 x i64] [i64 0, i64 {_SS_DISABLE}, i64 0], ptr %stack
  %status = call i32 @sigaltstack(ptr %stack, ptr null)
  br label %try
try:
  %state.p = {word("thread", "%t", "state")}
  %pair = cmpxchg ptr %state.p, i64 {THREAD_ALIVE}, i64 {THREAD_GONE} acq_rel monotonic
  %done = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %done, label %end, label %try
end:
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


def _generation(k: int) -> str:
    """A handler: each generation knows one that was there before it (see `runtime.signals`)."""
    olds = rt(f"old_segv_{k}")
    return f"""
define hidden void @wj_on_fault_{k}(i32 %sig, ptr %info, ptr %uc) #2 {{
  call void @wj_fault(i32 %sig, ptr %info, ptr %uc, ptr {olds})
  ret void
}}
"""


# long: one function of LLVM text
def _fault(platform: Platform) -> str:
    """SIGSEGV and SIGBUS: an access outside a memory becomes a trap, all else goes on as before."""
    return f"""
define hidden void @wj_fault(i32 %sig, ptr %info, ptr %uc, ptr %olds) #2 {{
{_guest_state(platform, "chain")}
  %why.p = getelementptr i8, ptr %info, i64 {platform.code}
  %why = load i32, ptr %why.p
  %real = icmp sgt i32 %why, 0
  br i1 %real, label %where, label %chain
where:
  %address.p = getelementptr i8, ptr %info, i64 {platform.address}
  %address = load ptr, ptr %address.p
  %regions = load ptr, ptr {rt("regions")}
  %count = load i64, ptr {rt("region_count")}
  br label %search
search:
  %k = phi i64 [ 0, %where ], [ %k.1, %look ]
  %left = icmp ult i64 %k, %count
  br i1 %left, label %look, label %stack
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
stack:
  ; a frame so large that it ends below the stack: its prologue probes each page
  %stack_low.p = {word("thread", "%t", "stack_low")}
  %stack_low = load ptr, ptr %stack_low.p
  %stack_end.p = {word("thread", "%t", "stack_end")}
  %stack_end = load ptr, ptr %stack_end.p
  %beyond = getelementptr i8, ptr %stack_end, i64 -{_GUARD}
  %under = icmp ult ptr %address, %stack_low
  %near = icmp uge ptr %address, %beyond
  %deep = and i1 %under, %near
  br i1 %deep, label %trap, label %other
other:
  ; the same on the stack of a continuation
  %store.p = {word("act", "%act", "store")}
  %store = load ptr, ptr %store.p
  %cur.p = {word("store", "%store", "stack")}
  %cur = load ptr, ptr %cur.p
  %parent.p = {word("stack", "%cur", "parent")}
  %parent = load ptr, ptr %parent.p
  %switched = icmp ne ptr %parent, null
  br i1 %switched, label %bounds, label %chain
bounds:
  %low.p = {word("stack", "%cur", "low")}
  %lowest = load ptr, ptr %low.p
  %last = getelementptr i8, ptr %lowest, i64 -{2 * RESERVE}
  %below.top = icmp ult ptr %address, %lowest
  %above.last = icmp uge ptr %address, %last
  %outside = and i1 %below.top, %above.last
  br i1 %outside, label %trap, label %chain
trap:
  %code = phi i64 [ {TrapCode.OUT_OF_BOUNDS_MEMORY}, %look ],
    [ {TrapCode.STACK_EXHAUSTED}, %stack ], [ {TrapCode.STACK_EXHAUSTED}, %bounds ]
  call void @wj_capture(ptr %act, ptr %pc, ptr %fp)
  call void @wj_jump(ptr %act, i64 %code)
  unreachable
chain:
  %is.bus = icmp eq i32 %sig, {platform.bus}
  %offset = select i1 %is.bus, i64 8, i64 0
  %old.p = getelementptr i8, ptr %olds, i64 %offset
  %old = load ptr, ptr %old.p
  %some = icmp ugt ptr %old, inttoptr (i64 1 to ptr)
  br i1 %some, label %call, label %default
call:
  call void %old(i32 %sig, ptr %info, ptr %uc)
  ret void
default:
  %ignored = call ptr @signal(i32 %sig, ptr null)
  %sent.p = getelementptr i8, ptr %info, i64 {platform.code}
  %sent.code = load i32, ptr %sent.p
  %sent = icmp sle i32 %sent.code, 0
  br i1 %sent, label %again, label %return
again:
  ; nothing will fault again by itself
  %raised = call i32 @raise(i32 %sig)
  br label %return
return:
  ret void
}}
"""


# long: one function of LLVM text
def _tick(platform: Platform) -> str:
    """The metronome's signal: stop the guest if its store says so, or let others have their turn;
    let Python see its signals.

    Python runs where the guest's code was stopped at any point, perhaps in the middle of making an
    object: nobody may enter the store meanwhile, and an exception on its way waits.
    """
    return f"""
define hidden void @wj_on_tick(i32 %sig, ptr %info, ptr %uc) #2 {{
  %tapper = call ptr @wj_thread()
  %no.thread = icmp eq ptr %tapper, null
  br i1 %no.thread, label %stray, label %asked
asked:
  %tapped.p = {word("thread", "%tapper", "tapped")}
  %tapped = atomicrmw xchg ptr %tapped.p, i64 0 acquire, align 8
  %ours.too = icmp ne i64 %tapped, 0
  br i1 %ours.too, label %entry, label %stray
stray:
  ; not a tap: it belongs to whoever handled this signal before
  %old = load ptr, ptr {rt("old_tick")}
  %some = icmp ugt ptr %old, inttoptr (i64 1 to ptr)
  br i1 %some, label %chain, label %other
chain:
  call void %old(i32 %sig, ptr %info, ptr %uc)
  ret void
{_guest_state(platform, "other")}
  %sample.p = {word("thread", "%t", "sample")}
  store ptr %pc, ptr %sample.p
  %trace.p = {word("thread", "%t", "trace")}
  %trace = load ptr, ptr %trace.p
  %wanted = icmp ne ptr %trace, null
  br i1 %wanted, label %traced, label %check
traced:
  %full = load atomic i64, ptr %trace acquire, align 8
  %empty = icmp eq i64 %full, 0
  br i1 %empty, label %capture, label %check
capture:
  call void @wj_capture(ptr %act, ptr %pc, ptr %fp)
  %count.p = {word("act", "%act", "frame_count")}
  %count = load i64, ptr %count.p
  %bytes = shl i64 %count, 3
  %to = getelementptr i8, ptr %trace, i64 8
  %from = getelementptr i8, ptr %act, i64 {ACTIVATION_FRAMES}
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %bytes, i1 false)
  store atomic i64 %count, ptr %trace release, align 8
  br label %check
check:
  %store.p = {word("act", "%act", "store")}
  %store = load ptr, ptr %store.p
  %interrupt.p = {word("store", "%store", "interrupt")}
  %interrupt = load volatile i64, ptr %interrupt.p
  %quiet = icmp eq i64 %interrupt, 0
  br i1 %quiet, label %share, label %stop
stop:
  call void @wj_capture(ptr %act, ptr %pc, ptr %fp)
  call void @wj_jump(ptr %act, i64 %interrupt)
  unreachable
share:
  %turn.p = {word("store", "%store", "turn")}
  %turn = load volatile i64, ptr %turn.p
  %wanted.turn = icmp ne i64 %turn, 0
  br i1 %wanted.turn, label %turn.over, label %poll
turn.over:
  call void @wj_turn(ptr %act)
  ret void
poll:
  %main = load ptr, ptr {rt("main_thread")}
  %is.main = icmp eq ptr %t, %main
  br i1 %is.main, label %look, label %other
look:
  %errno.p = call ptr @__errno_location()
  %errno = load i32, ptr %errno.p
  call void @llvm.set.rounding(i32 1)
  %status = call i64 @wj_home(ptr @wj_signals, ptr %store, ptr null, ptr %act)
  store i32 %errno, ptr %errno.p
  ret void
other:
  ret void
}}
"""


def _signals() -> str:
    """Let Python run its handlers of signals."""
    return f"""
define internal i64 @wj_signals(ptr %store, ptr %none, ptr %act) #2 {{
  %owner.p = {word("store", "%store", "owner")}
  %owner = load i64, ptr %owner.p
  %suspended = xor i64 %owner, -1
  store atomic i64 %suspended, ptr %owner.p release, align 8
  %exception.p = {word("store", "%store", "exception")}
  %exception = load i64, ptr %exception.p
  store i64 0, ptr %exception.p
  call void @wj_pause(ptr %act)
  %status = call i32 @PyErr_CheckSignals()
  store i64 %exception, ptr %exception.p
  store atomic i64 %owner, ptr %owner.p release, align 8
  %raised = icmp ne i32 %status, 0
  br i1 %raised, label %error, label %back
error:
  call void @wj_host_error(ptr %act)
  unreachable
back:
  %tstate.p = {word("act", "%act", "tstate")}
  %tstate = call ptr @PyEval_SaveThread()
  store volatile ptr %tstate, ptr %tstate.p
  ret i64 0
}}
"""
