"""What the tiers that compile have in common: entries for tail calls, code kept on disk."""

import time
from contextlib import AbstractContextManager
from typing import Final, final
from weakref import finalize

from wadjet.base.digests import digest
from wadjet.base.errors import Error
from wadjet.base.records import replace
from wadjet.core.features import DETERMINISTIC
from wadjet.core.validate import ValidModule
from wadjet.engine.contract.settings import Settings
from wadjet.engine.runtime import log
from wadjet.engine.runtime.image import Image, Placed
from wadjet.engine.runtime.loader import Linkable
from wadjet.engine.runtime.locks import new_lock
from wadjet.engine.runtime.native import NativeCode
from wadjet.engine.tiers import cache
from wadjet.engine.tiers.compiler import tail_object
from wadjet.engine.tiers.native import native_machine
from wadjet.engine.tiers.processor import host_settings

#: Seconds between two looks at whether there is something to keep.
_PERIOD: Final = 5.0


def _settings(valid: ValidModule) -> Settings:
    """For this machine, and the profile that the module is under."""
    here = host_settings()
    return replace(here, deterministic=True) if DETERMINISTIC in valid.features else here


class CompiledCode(NativeCode):
    """Machine code by way of LLVM. `source` is what the module was read from, if that is known:
    then its code is kept on disk. Code of a level below `least` is not taken from there."""

    least = 0

    def __init__(
        self,
        valid: ValidModule,
        settings: Settings | None = None,
        source: bytes | str | None = None,
    ) -> None:
        super().__init__(valid, *native_machine(), settings or _settings(valid))
        self.source: Final = source
        #: what keeps the code, if anything does
        self.keeper: Keeper | None = None
        file = None if source is None else _file(source, valid, self.settings)
        if file is not None:
            self.keeper = Keeper(self._image, file, self.machine.lock)
            with self.machine.lock:
                self._publish(self._image, self.keeper.restore(self.least))
            finalize(self, self.keeper.keep)

    def load(self, record: cache.Record) -> None:
        """Take over the functions that were saved of other code of this module, made in the same
        way. There must be none yet."""
        saved = cache.unpack(record)
        with self.machine.lock:
            if saved is not None and self._image.restore(saved):
                self._publish(self._image, saved.functions)

    def saved(self) -> cache.Record:
        """All functions that there are. Error where there are too many for one image."""
        with self.machine.lock:
            if len(self._images) > 1 or not self._image.movable:
                raise Error("too much machine code for one file")
            return cache.pack(self._image.save(self._image.first, 0))

    def text(self) -> bytes | str:
        """What the module was read from, or its binary."""
        if self.source is not None:
            return self.source
        from wadjet.core.binary import encode

        return encode(self.valid.module)

    def size(self, slot: int) -> int:
        """Bytes of the body of a function, about as many where it was read from text."""
        code = self.valid.module.codes[slot]
        return code.size or 2 * len(code.body)

    def build_tail(self, slot: int) -> bytes | Linkable:
        """Emit and compile."""
        return tail_object(self.valid, slot)

    def add(self, built: bytes | Linkable, level: int, slot: int = 0) -> None:
        """Let everyone call the functions of an object, and keep them now and then."""
        super().add(built, level, slot)
        if self.keeper is not None:
            self.keeper.look()


def _file(source: bytes | str, valid: ValidModule, settings: Settings) -> "cache.RecordFile | None":
    """Where the code is kept: by everything that it depends on."""
    if cache.folder() is None:
        return None
    text = source if isinstance(source, bytes) else source.encode("utf-8", "surrogatepass")
    kind = b"binary" if isinstance(source, bytes) else b"text"
    rest = " ".join([settings.key(), *sorted(valid.features)]).encode()
    return cache.open_file(kind, digest(text), rest)


@final
class Keeper:
    """Keeps what comes into an image. It outlives the code's owner, for a last look."""

    def __init__(
        self, image: Image, file: cache.RecordFile, lock: AbstractContextManager[object]
    ) -> None:
        self._image: Final = image
        self._file: cache.RecordFile | None = file
        self._lock: Final = lock
        #: held while something is kept: records must come in the order in which they lie
        self._keeping: Final = new_lock()
        self._mark()
        self._next = time.monotonic() + _PERIOD

    def _mark(self) -> None:
        """All that is in the image is kept."""
        self._end, self._count = self._image.end, len(self._image.functions)

    def restore(self, least: int) -> list[Placed]:
        """Put back what is kept: the functions of sufficient level."""
        assert self._file is not None, "nothing has gone wrong yet"
        for record in self._file.read():
            saved = cache.unpack(record)
            if saved is None or not self._image.restore(saved):
                self._file.remove()  # nobody can use it
                self._file = None
                break
        self._mark()
        if log.say is not None:
            log.say(f"cache: found {self._count} functions")
        return [each for each in self._image.functions if each.tail or each.level >= least]

    def look(self) -> None:
        """Keep what has come, if some time has passed."""
        now = time.monotonic()
        if now >= self._next:
            self.keep()
            self._next = time.monotonic() + _PERIOD

    def keep(self) -> None:
        """Keep what has come. Once that fails, what comes later would not fit."""
        with self._keeping:
            with self._lock:
                if self._file is None or not self._image.movable or self._image.end == self._end:
                    return
                saved = self._image.save(self._end, self._count)
                self._mark()
            kept = self._file.append([cache.pack(saved)], alone=True)
            if not kept:
                self._file = None
            if log.say is not None:
                what = "kept" if kept else "could not keep"
                log.say(f"cache: {what} {len(saved.functions)} functions, {len(saved.code)} bytes")
