"""Canonical definitions in text (Explainer.md, "Canonical Definitions")."""

from typing import Final

from wadjet.component.builtins import BY_NAME, FLAGS, INDEXED
from wadjet.component.component import Builtin, CanonOption, Immediate, Lift, Lower
from wadjet.component.text.types import ComponentTypeParser
from wadjet.component.types import ValType

_ENCODING: Final = "string-encoding="


class CanonParser(ComponentTypeParser):
    """Reads canonical definitions."""

    __slots__ = ()

    def define_canon(self, place: int) -> None:
        """A canonical definition after its keyword; what it makes comes last."""
        if self.take("lift"):
            func, options = self._lifted()
            self.expect("(")
            self.expect("func")
            name, called = self.binding("function")
            type_ = self.type_use("func")
            self.expect(")")
            self.emit(Lift(func, options, type_, place), name, called)
            return
        made = self._core_function(place)
        self.expect("(")
        self.expect("core")
        self.expect("func")
        name, called = self.binding("function")
        self.expect(")")
        self.emit(made, name, called)

    def inverted_canon(self, name: str | None, called: str | None) -> None:
        """`(canon …)` in the core function that it makes."""
        place = self.starts[self.at]
        self.expect("(")
        self.expect("canon")
        made = self._core_function(place)
        self.expect(")")
        self.emit(made, name, called)

    def inverted_lift(self, type_: int, name: str | None, called: str | None) -> int:
        """`(canon lift …)` in the function that it makes."""
        place = self.starts[self.at]
        self.expect("(")
        self.expect("canon")
        self.expect("lift")
        func, options = self._lifted()
        self.expect(")")
        return self.emit(Lift(func, options, type_, place), name, called)

    def _lifted(self) -> tuple[int, tuple[CanonOption, ...]]:
        return self.reference("core func"), self._options()

    def _core_function(self, place: int) -> Lower | Builtin:
        word = self.texts[self.at]
        if self.take("lower"):
            return Lower(self.reference("func"), self._options(), place)
        row = BY_NAME.get(word)
        if row is None:
            raise self.unexpected("lift, lower or a canonical built-in")
        self.at += 1
        immediates = tuple([self._immediate(kind) for kind in row.immediates])
        return Builtin(word, immediates, place)

    def _immediate(self, kind: str) -> Immediate:
        if kind in FLAGS:
            return self.take(kind)
        match kind:
            case "type":
                return self.reference("type")
            case "coretype":
                return self.reference("core type")
            case "table":
                return self.reference("core table")
            case "memory":
                self.expect("(")
                self.expect("memory")
                index = self.reference("core memory")
                self.expect(")")
                return index
            case "opts":
                return self._options()
            case "result":
                return self._result_type()
            case "valtype":
                return self.valtype()
        return self.natural(32, "a number")

    def _result_type(self) -> ValType | None:
        if not self.opens("result"):
            return None
        self.at += 2
        made = self.value_type()
        self.expect(")")
        return made

    def _options(self) -> tuple[CanonOption, ...]:
        made = []
        while True:
            text = self.texts[self.at]
            if text.startswith(_ENCODING):
                encoding = text.removeprefix(_ENCODING)
                if encoding not in ("utf8", "utf16", "latin1+utf16"):
                    raise self.unexpected("utf8, utf16 or latin1+utf16")
                self.at += 1
                made.append(CanonOption(encoding))
            elif self.take("async"):
                made.append(CanonOption("async"))
            elif text == "(" and self.texts[self.at + 1] in INDEXED:
                name = self.texts[self.at + 1]
                self.at += 2
                made.append(CanonOption(name, self.reference(INDEXED[name])))
                self.expect(")")
            else:
                return tuple(made)
