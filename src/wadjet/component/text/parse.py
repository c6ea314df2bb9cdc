"""Text → `Component` (Explainer.md): the definitions of a component, and the short forms in which
they may be written.

One walk: whatever a definition refers to stands before it. Definitions that a short form stands
for come just before the one it is in; what is exported in place is exported at the end.
"""

from functools import partial
from typing import Final, final

from wadjet.base.errors import Malformed
from wadjet.component.component import (
    Arg, Bundle, Component, CoreBundle, CoreInlineExport, CoreInstantiate, CoreModule, Custom,
    Definition, Export, InlineExport, Instantiate, Start,
)  # fmt: skip
from wadjet.component.features import DEFAULT
from wadjet.component.text.values import ValueParser
from wadjet.component.types import ExternName, Import, TypeDef
from wadjet.core.features import Features
from wadjet.core.text.lexer import Annotation, Tokens, locate, string_bytes, string_name, tokenize
from wadjet.core.text.parse import parse_fields_at

#: what core WebAssembly calls a fault of the text → the component model's own words
_WORDS: Final = {"illegal escape": "invalid string escape"}


def parse(source: str | bytes, features: Features = DEFAULT) -> Component:
    """Read one component in text. Raises Malformed, with line and column.

    The source is `(component …)` or the fields of a component alone.
    """
    try:
        tokens = tokenize(source)
    except Malformed as error:
        raise _reworded(error) from None
    parser = ComponentParser(tokens, features)
    made = parser.component() if parser.opens("component") else parser.fields_alone()
    if parser.texts[parser.at] != "":
        raise parser.unexpected("the end of the text")
    return made


def parse_at(tokens: Tokens, at: int, features: Features) -> tuple[Component, int]:
    """Read the `(component …)` that begins at a token. Returns it and the index after its end.

    Scripts may write `(component definition …)`.
    """
    parser = ComponentParser(tokens, features)
    parser.at = at
    return parser.component(), parser.at


def _reworded(error: Malformed) -> Malformed:
    for words, own in _WORDS.items():
        if error.message.startswith(words):
            return Malformed(own + error.message[len(words) :], error.place)
    return error


@final
class ComponentParser(ValueParser):
    """Reads one component with all that is in it; used once."""

    __slots__ = ()

    def component(self) -> Component:
        """`(component definition? id? field*)`."""
        place = self.starts[self.at]
        self.expect("(")
        self.expect("component")
        self.take("definition")
        name, called = self.binding("component")
        made = self._definitions(name, place)
        made.names.component = called
        self.expect(")")
        return made

    def fields_alone(self) -> Component:
        """Fields without the component around them, up to the end of the text."""
        return self._definitions(None, 0)

    def _definitions(self, title: str | None, place: int) -> Component:
        """The fields of a component, up to the closing parenthesis, which is left."""
        frame = self.open(title)
        self._customs()
        while self.texts[self.at] == "(":
            at, start = self.at, self.starts[self.at]
            word = self.texts[at + 1]
            self.at += 2
            define = _FIELDS.get(word)
            if define is None:
                self.at = at + 1
                raise self.unexpected("a field of a component")
            define(self, start)
            self.expect(")")
            self._customs()
        for name, sort, index, where in frame.exports:
            self.emit(Export(name, sort, index, None, where))
        self.close()
        definitions = [d for d in frame.out if isinstance(d, Definition)]
        made = Component(definitions, place=place, locate=partial(locate, self.tokens.source))
        made.names = frame.names
        return made

    def _customs(self) -> None:
        """`(@custom "name" "data"*)` before the current token."""
        for made in self.annotations.before(self.at):
            if made.name == "custom":
                self.frame.out.append(self._custom(made))

    def _custom(self, made: Annotation) -> Custom:
        if not made.items or any(item[:1] != '"' for item in made.items):
            what = "@custom annotation: strings expected"
            raise Malformed(what, self.tokens.locate(made.place))
        try:
            name = string_name(made.items[0])
            data = b"".join([string_bytes(item) for item in made.items[1:]])
        except Malformed as error:
            raise Malformed(error.message, self.tokens.locate(made.place)) from None
        return Custom(name, data, made.place)

    # Definitions that may be exported or imported in place.

    def _exported(self, sort: str, index: int, exports: list[tuple[ExternName, int]]) -> None:
        """Remember what is exported in place for the end."""
        for name, place in exports:
            self.frame.exports.append((name, sort, index, place))

    def _short(self, sort: str, name: str | None, called: str | None, place: int) -> int | None:
        """`(import "n") type` or `(alias …)` in a definition: its index, if it is one of these."""
        import_name = self.inline("import")
        if import_name is not None:
            type_ = self.extern_type(sort)
            return self.emit(Import(import_name, type_, place), name, called)
        if sort == "component" or not self.opens("alias"):
            return None  # a component may begin with an alias of its own
        return self.inverted_alias(sort, name, called)

    def _core(self, place: int) -> None:
        word = self.texts[self.at]
        if word in ("type", "rec"):
            self.define_core_type(place)
            return
        define = _CORE_FIELDS.get(word)
        if define is None:
            raise self.unexpected("a core definition")
        self.at += 1
        define(self, place)

    def _core_module(self, place: int) -> None:
        sort = "core module"
        name, called = self.binding("module")
        exports = self.inline_exports()
        index = self._short(sort, name, called, place)
        if index is None:
            module, self.at = parse_fields_at(self.tokens, self.at, self.features, called)
            index = self.emit(CoreModule(module, None, place), name, called)
        self._exported(sort, index, exports)

    def _core_func(self, place: int) -> None:
        name, called = self.binding("function")
        if self._short("core func", name, called, place) is None:
            self.inverted_canon(name, called)

    def _core_alias(self, place: int) -> None:
        """`(core memory $m (alias …))` and the like."""
        sort = f"core {self.texts[self.at - 1]}"
        name, called = self.binding(sort)
        if self._short(sort, name, called, place) is None:
            raise self.unexpected("an alias")

    def _core_instance(self, place: int) -> None:
        name, called = self.binding("instance")
        if self._short("core instance", name, called, place) is not None:
            return
        if not self.opens("instantiate"):
            self.emit(CoreBundle(self._core_exports(), place), name, called)
            return
        self.at += 2
        module = self.reference("core module")
        args = []
        while self.opens("with"):
            self.at += 2
            arg = self.name()
            args.append((arg, self._core_arg()))
            self.expect(")")
        self.expect(")")
        self.emit(CoreInstantiate(module, tuple(args), place), name, called)

    def _core_arg(self) -> int:
        place = self.starts[self.at]
        self.expect("(")
        self.take("core")
        self.expect("instance")
        if self.is_index():
            index = self.projected("core instance")
        else:
            index = self.emit(CoreBundle(self._core_exports(), place))
        self.expect(")")
        return index

    def _core_exports(self) -> tuple[CoreInlineExport, ...]:
        made = []
        while self.opens("export"):
            self.at += 2
            name = self.name()
            sort, index = self.item(core=True)
            made.append(CoreInlineExport(name, sort, index))
            self.expect(")")
        return tuple(made)

    def _component(self, place: int) -> None:
        name, called = self.binding("component")
        exports = self.inline_exports()
        index = self._short("component", name, called, place)
        if index is None:
            made = self._definitions(name, place)
            made.names.component = called
            index = self.emit(made, name, called)
        self._exported("component", index, exports)

    def _instance(self, place: int) -> None:
        name, called = self.binding("instance")
        exports = self.inline_exports()
        index = self._short("instance", name, called, place)
        if index is None and self.opens("instantiate"):
            self.at += 2
            component = self.reference("component")
            args = []
            while self.opens("with"):
                args.append(self._arg())
            self.expect(")")
            made = Instantiate(component, tuple(args), place)
            index = self.emit(made, name, called)
        elif index is None:
            index = self.emit(Bundle(self._inline_exports(), place), name, called)
        self._exported("instance", index, exports)

    def _arg(self) -> Arg:
        self.at += 2
        name = self.name()
        place = self.starts[self.at]
        if self.opens("instance") and not self.texts[self.at + 2][:1].isdecimal():
            if self.texts[self.at + 2][:1] != "$":
                self.at += 2
                index = self.emit(Bundle(self._inline_exports(), place))
                self.expect(")")
                self.expect(")")
                return Arg(name, "instance", index)
        sort, index = self.item()
        self.expect(")")
        return Arg(name, sort, index)

    def _inline_exports(self) -> tuple[InlineExport, ...]:
        made = []
        while self.opens("export"):
            self.at += 2
            name = self.extern_name()
            sort, index = self.item()
            made.append(InlineExport(name, sort, index))
            self.expect(")")
        return tuple(made)

    def _type(self, place: int) -> None:
        name, called = self.binding("type")
        exports = self.inline_exports()
        index = self._short("type", name, called, place)
        if index is None:
            index = self.emit(TypeDef(self.deftype(name), place), name, called)
        self._exported("type", index, exports)

    def _func(self, place: int) -> None:
        name, called = self.binding("function")
        exports = self.inline_exports()
        index = self._short("func", name, called, place)
        if index is None:
            index = self.inverted_lift(self.type_use("func"), name, called)
        self._exported("func", index, exports)

    def _value(self, place: int) -> None:
        self.define_value(place)

    def _export(self, place: int) -> None:
        bound, called = self.binding("export")
        name = self.extern_name()
        sort, index = self.item()
        type_ = None
        if self.texts[self.at] == "(":
            type_, _, _ = self.extern_desc()
        self.emit(Export(name, sort, index, type_, place), bound, called)

    def _start(self, place: int) -> None:
        func = self.reference("func")
        args = []
        while self.opens("value"):
            args.append(self.reference("value"))
        frame = self.frame
        results = []
        while self.opens("result"):
            self.at += 2
            self.expect("(")
            self.expect("value")
            results.append(self.identifier())
            self.expect(")")
            self.expect(")")
        frame.out.append(Start(func, tuple(args), len(results), place))
        for name in results:
            frame.spaces["value"].bind(name, self)


_FIELDS: Final = {
    "core": ComponentParser._core,
    "component": ComponentParser._component,
    "instance": ComponentParser._instance,
    "alias": ComponentParser.define_alias,
    "type": ComponentParser._type,
    "import": ComponentParser.define_import,
    "func": ComponentParser._func,
    "value": ComponentParser._value,
    "export": ComponentParser._export,
    "start": ComponentParser._start,
    "canon": ComponentParser.define_canon,
}
_CORE_FIELDS: Final = {
    "module": ComponentParser._core_module,
    "instance": ComponentParser._core_instance,
    "func": ComponentParser._core_func,
    "table": ComponentParser._core_alias,
    "memory": ComponentParser._core_alias,
    "global": ComponentParser._core_alias,
    "tag": ComponentParser._core_alias,
}
