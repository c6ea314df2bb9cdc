"""The grammar: what is accepted, as what, and what is said about the rest."""

import pytest

from wadjet.base.errors import Invalid, Malformed
from wadjet.wit import ast, parse
from wadjet.wit.ast import Extern, Interface, TypeDef, World
from wadjet.wit.cursor import docs_text
from wadjet.wit.parse import use_path
from wadjet.wit.semver import Version


def interface(body: str) -> list[ast.InterfaceItem]:
    item = parse(f"package a:b; interface i {{ {body} }}").items[0]
    assert isinstance(item, Interface)
    return item.items


def world(body: str) -> list[ast.WorldItem]:
    item = parse(f"package a:b; world w {{ {body} }}").items[0]
    assert isinstance(item, World)
    return item.items


def type_of(written: str) -> ast.Type:
    item = interface(f"type t = {written};")[0]
    assert isinstance(item, TypeDef)
    assert not isinstance(item.body, ast.Members | ast.Resource)
    return item.body


def rejection(text: str) -> tuple[int | None, str]:
    with pytest.raises((Malformed, Invalid)) as caught:
        parse(text, "x.wit")
    place = caught.value.place
    assert place is not None
    assert place.source == "x.wit"
    return place.column, caught.value.message


def test_package_names() -> None:
    scope = parse("/// docs\npackage wasi:io@0.2.0-rc.1+b;")
    assert scope.package is not None
    assert str(scope.package.name) == "wasi:io@0.2.0-rc.1+b"
    assert scope.package.name.version == Version(0, 2, 0, "rc.1", "b")
    assert scope.package.docs is not None
    assert scope.package.docs.text == "docs"


def test_nested_namespaces_and_packages() -> None:
    scope = parse("package a:b:c/d@1.0.0; interface i { use x:y:z/p/q@2.0.0.{t}; }")
    assert scope.package is not None
    name = scope.package.name
    assert (name.namespace, name.name, str(name)) == ("a:b", "c/d", "a:b:c/d@1.0.0")
    assert name.member("i") == "a:b:c/d/i@1.0.0"
    assert isinstance(item := scope.items[0], Interface)
    assert isinstance(use := item.items[0], ast.Use)
    assert str(use.path.package) == "x:y:z/p@2.0.0"
    assert use.path.name.name == "q"


def test_a_file_may_begin_with_a_package_in_braces() -> None:
    scope = parse("package a:b { interface i {} } package a:c { world w {} }")
    assert scope.package is None
    assert [str(nested.package.name) for nested in scope.nested if nested.package] == ["a:b", "a:c"]


@pytest.mark.parametrize("primitive", list(ast.Primitive))
def test_primitive_types(primitive: ast.Primitive) -> None:
    type = type_of(primitive.value)
    assert isinstance(type, ast.PrimitiveType)
    assert type.primitive is primitive


@pytest.mark.parametrize(
    ("written", "type"),
    [
        ("list<u8>", ast.ListType),
        ("list<u8, 4294967295>", ast.ListType),
        ("map<string, list<u8>>", ast.MapType),
        ("option<%option>", ast.OptionType),
        ("result", ast.ResultType),
        ("result<u8>", ast.ResultType),
        ("result<_, u8>", ast.ResultType),
        ("result<u8, u8>", ast.ResultType),
        ("tuple<u8, u8,>", ast.TupleType),
        ("tuple<>", ast.TupleType),
        ("future", ast.FutureType),
        ("future<u8>", ast.FutureType),
        ("stream", ast.StreamType),
        ("stream<result>", ast.StreamType),
        ("own<r>", ast.HandleType),
        ("borrow<r>", ast.HandleType),
        ("other", ast.NamedType),
    ],
)
def test_types(written: str, type: type) -> None:
    assert isinstance(type_of(written), type)


def test_definitions() -> None:
    items = interface(
        "record r { a: u8, b: r, } variant v { x, y(u8) } enum e { x, y } flags f { x, y, }"
        "resource q; resource p { constructor(a: u8) -> result<p>; m: async func(); "
        "s: static async func() -> u8; } type t = u8; g: async func(a: u8, b: u8) -> t;"
        "use x.{a, b as c,}; use d:e/x@1.0.0-a.{f};"
    )
    names = [item.name.name for item in items if isinstance(item, TypeDef)]
    assert names == ["r", "v", "e", "f", "q", "p", "t"]
    resource = items[5]
    assert isinstance(resource, TypeDef)
    assert isinstance(resource.body, ast.Resource)
    assert [method.keyword for method in resource.body.methods] == [
        "constructor",
        "method",
        "static",
    ]
    assert [method.function.func.is_async for method in resource.body.methods] == [
        False,
        True,
        True,
    ]
    assert isinstance(items[-1], ast.Use)
    assert items[-1].path.package == ast.PackageName("d", "e", Version(1, 0, 0, "a"))


@pytest.mark.parametrize(
    ("written", "name", "path"),
    [
        ("import x;", None, "x"),
        ("import a:b/c;", None, "c"),
        ("import a:b/c@1.0.0;", None, "c"),
        ("import a : b/c;", None, "c"),
        ("import x: y;", "x", "y"),
        ("import x: a:b/c;", "x", "c"),
        ("import x: a:b/c@1.0.0;", "x", "c"),
        ("import a:b:c/d;", None, "d"),
    ],
)
def test_interfaces_in_worlds(written: str, name: str | None, path: str) -> None:
    item = world(written)[0]
    assert isinstance(item, Extern)
    assert isinstance(item.what, ast.UsePath)
    assert (item.name and item.name.name, item.what.name.name) == (name, path)


def test_the_rest_of_worlds() -> None:
    items = world(
        "import f: func(); export g:async func(); export i: interface { use x.{y}; } use x.{z};"
        "type t = u8; include v; include a:b/v with { x as y, z as w, } include u with { x as z };"
    )
    kinds = [type(item).__name__ for item in items]
    assert kinds == "Extern Extern Extern Use TypeDef Include Include Include".split()


def test_attributes() -> None:
    items = interface(
        "@since(version = 1.0.0) @deprecated(version = 1.1.0) a: func();"
        '@unstable(feature = x-y) b: func(); /// docs\n@external-id("a\\n☃") c: func();'
    )
    heads = [item.head for item in items if isinstance(item, ast.NamedFunc)]
    assert heads[0].stability == ast.Since(Version(1, 0, 0), Version(1, 1, 0))
    assert heads[1].stability == ast.Unstable("x-y")
    assert heads[2].external_id == "a\n☃"
    assert heads[2].docs is not None
    assert heads[2].docs.text == "docs"


def test_docs_lose_their_marks_and_margin() -> None:
    assert docs_text(["/// a", "///   b", "//", "// c"]) == "a\n  b\n\nc"
    assert docs_text(["/** a */", "/** b */", "/**/", "//"]) == "a\nb"
    assert docs_text(["/* a */", "// b"]) == "* a */\n b"
    assert docs_text(["/** a\r\n     b */"]) == "a\n     b"


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("interface i { type t = option; }", 30, "expected `<`, found `;`"),
        ("interface i { a: func }", 23, "expected `(`, found `}`"),
        ("interface i { type list = u8; }", 20, "found keyword `list` (as a name it is written"),
        ("interface i { type t = list<u8, 0>; }", 33, "a number from 1"),
        ("interface i { type t = list<u8, 4294967296>; }", 33, "a number from 1"),
        ("interface i { type t = list<u8, 01>; }", 33, "a number from 1"),
        ("interface i { type t = borrow<u8>; }", 31, "expected a name"),
        ("interface i { type t = result<>; }", 31, "expected a type"),
        ("interface i { @wrong a: func(); }", 16, "unknown attribute"),
        ("interface i { @since(version = 1.0) a: func(); }", 32, "expected a version"),
        ("interface i { @since(version = 01.0.0) a: func(); }", 32, "expected a version"),
        ("package a:b@1.0.0-a_b;", 19, "cannot follow a version"),
        ("package a:b@x;", 13, "expected a version such as 1.0.0, found the name `x`"),
        ("package a:b", 12, "expected `{`, found the end of the file"),
        ("interface i { é: func(); }", 15, "is not a name"),
        ("interface I_j {}", 11, "`I_j` is not a name"),
        ("world w { import a:b; }", 21, "expected `/`"),
        ("@since(version = 1.0.0) use a;", 25, "no attributes"),
        ("@external-id(a) interface i {}", 14, "expected a string"),
        ("interface i {", 14, "expected a function, a type or `use`, found the end"),
        # whose texts the suite does not have
        ("a: async", 1, "expected `interface`"),
        ("interface i { a: async()", 23, "expected `func`, found `(`"),
        ("interface i { a: async", 23, "expected `func`, found the end of the file"),
        ('"', 1, "unterminated string"),
    ],
)
def test_what_is_said_about_mistakes(text: str, column: int, message: str) -> None:
    found = rejection(text)
    assert found[0] == column
    assert message in found[1]


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ("@since(version = 1.0.0) @unstable(feature = a)", "not both"),
        ("@deprecated(version = 1.0.0)", "goes with @since or @unstable"),
        ("@since(version = 1.0.0) @since(version = 1.0.0)", "may be given once"),
    ],
)
def test_gates_that_contradict_themselves(attributes: str, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        parse(f"interface i {{ {attributes} a: func(); }}")


def test_bytes_are_utf8() -> None:
    assert parse("package a:b; // ☃".encode()).package is not None
    with pytest.raises(Malformed, match=r"x\.wit is not in UTF-8"):
        parse(b"package a:b; // \xff", "x.wit")


def test_the_message_shows_the_line() -> None:
    with pytest.raises(Malformed) as caught:
        parse("package a:b;\n\tinterface 1", "x.wit")
    shown = "expected a name, found the number 1 (x.wit:2:12)\n\tinterface 1\n\t          ^"
    assert str(caught.value) == shown


def test_names_of_worlds() -> None:
    path = use_path("wasi:cli/command@0.2.0")
    assert (str(path.package), path.name.name) == ("wasi:cli@0.2.0", "command")
    assert use_path("command").package is None
    for text in ("", "a:b", "a b", "a/b", "a:b/c@1"):
        with pytest.raises(Malformed):
            use_path(text)
