"""What packages mean: names, types, gates, worlds; and what means nothing."""

import pytest

from wadjet.base.errors import Invalid, Malformed
from wadjet.wit import Resolve, resolve, select_world
from wadjet.wit.model import (
    Alias,
    Borrow,
    Function,
    Interface,
    InterfaceItem,
    List,
    Option,
    Own,
    Primitive,
    Record,
    Resource,
    Result,
    TypeItem,
    World,
    parts,
)

HEAD = "package a:b@1.0.0;\n"


def of(text: str, *features: str) -> Resolve:
    return resolve({"x.wit": HEAD + text}, features)


def interface(resolved: Resolve, name: str) -> Interface:
    return resolved.interfaces[resolved.packages[resolved.main].interfaces[name]]


def world(resolved: Resolve, name: str = "w") -> World:
    return resolved.worlds[resolved.packages[resolved.main].worlds[name]]


def names(resolved: Resolve, items: object) -> list[str]:
    assert isinstance(items, dict)
    return [resolved.key_name(key) for key in items]


def complaint(text: str, *features: str) -> str:
    """What is wrong, as `line:column message`; the first line is the package's."""
    with pytest.raises(Invalid) as caught:
        of(text, *features)
    place = caught.value.place
    assert place is not None
    return f"{place.line}:{place.column} {caught.value.message}"


# Types


def test_types_come_after_what_they_are_made_of() -> None:
    found = of(
        "interface i { use j.{t}; type c = list<b>; record b { x: a, y: t } type a = option<u8>; }"
        "interface j { type t = u8; }"
    )
    for index, type in enumerate(found.types):
        assert all(isinstance(part, Primitive) or part < index for part in parts(type.kind))
    assert list(interface(found, "i").types) == ["t", "a", "b", "c"]


def test_what_is_written_in_place_is_there_once() -> None:
    found = of(
        "interface i { type t = u8; f: func(a: list<t>, b: option<list<t>>) -> list<t>; }"
        "interface j { g: func(a: list<u8>) -> list<u8>; }"
    )
    assert [type.kind for type in found.types if type.name is None] == [
        List(0),
        Option(1),
        List(Primitive.U8),
    ]


def test_a_resource_as_the_type_of_a_value_is_a_handle() -> None:
    found = of(
        "interface i { resource r { constructor(); m: func(o: r) -> list<r>; s: static func(); }"
        "type q = r; f: func(a: r, b: borrow<q>, c: own<r>) -> q; }"
    )
    functions = interface(found, "i").functions
    resource = interface(found, "i").types["r"]
    assert isinstance(found.types[resource].kind, Resource)
    assert list(functions) == ["[constructor]r", "[method]r.m", "[static]r.s", "f"]
    method = functions["[method]r.m"]
    assert (method.role, method.item_name, method.resource) == ("method", "m", resource)

    def kinds(function: Function) -> list[object]:
        types = [param.type for param in function.params]
        types += [] if function.result is None else [function.result]
        return [type if isinstance(type, Primitive) else found.types[type].kind for type in types]

    handle = Own(resource)
    alias = interface(found, "i").types["q"]
    assert found.types[alias].kind == Alias(resource)
    assert kinds(functions["[constructor]r"]) == [handle]
    assert kinds(method)[:2] == [Borrow(resource), handle]
    assert kinds(functions["f"]) == [handle, Borrow(alias), handle, Own(alias)]


def test_constructors_may_fail() -> None:
    found = of(
        "interface i { resource r { constructor() -> result<r, string>; }"
        "resource q { constructor() -> t; } type t = result<q>; }"
    )
    result = interface(found, "i").functions["[constructor]r"].result
    assert result is not None
    assert not isinstance(result, Primitive)
    assert isinstance(found.types[result].kind, Result)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("type a = b;", "2:24 type `b` does not exist"),
        ("type a = float32;", "2:24 type `float32` does not exist; it is called `f32` now"),
        ("type a = a;", "2:24 type `a` depends on itself"),
        ("type x = a; type a = list<b>; record b { c: a }", "2:24 type `a` depends on itself"),
        ("x: func(); type a = x;", "2:35 cannot use function `x` as a type"),
        ("type a = u8; type A = u8;", "2:33 `A` is defined more than once"),
        ("type a = u8; a: func();", "2:28 `a` is defined more than once"),
        ("record r { a: u8, A: u8 }", "2:33 `A` is defined more than once"),
        ("enum e { a, b, a }", "2:30 `a` is defined more than once"),
        ("variant v { }", "2:23 empty variant"),
        ("enum v { }", "2:20 empty enum"),
        ("type m = map<f32, u8>;", "2:24 invalid map key type"),
        ("type a = u8; type b = own<a>;", "2:41 a handle is of a resource, and `a` is none"),
        ("f: func(a: u8, A: u8);", "2:30 parameter `A` is defined more than once"),
        ("resource r { m: func(self: u8); }", "2:36 parameter `self` is defined more than once"),
        ("resource r { m: func(); M: static func(); }", "2:39 `M` is defined more than once"),
        ("resource r { r: func(); }", "2:24 a function of resource `r` has its name"),
        ("resource r; f: func() -> borrow<r>;", "2:27 function `f` gives a type that contains"),
        ("resource r { constructor() -> u8; }", "2:45 what a constructor gives"),
        ("resource r { constructor() -> result; }", "2:45 what a constructor makes"),
        ("resource r { constructor() -> result<u8>; }", "2:52 what a constructor makes"),
    ],
)
def test_types_and_functions_that_mean_nothing(body: str, expected: str) -> None:
    assert complaint(f"interface i {{ {body} }}").startswith(expected)


# Interfaces and packages


def test_names_of_files_and_of_the_package() -> None:
    found = resolve(
        {
            "one.wit": "package a:b; use two as other; interface i { use other.{t}; }",
            "two.wit": "use x:y/z@1.0.0 as i; interface two { use i.{t}; }",
            "deps/x.wit": "package x:y@1.0.0; interface z { type t = u8; }",
        }
    )
    assert [str(package.name) for package in found.packages] == ["x:y@1.0.0", "a:b"]
    assert found.main == 1
    assert list(found.packages[1].interfaces) == ["two", "i"]
    two, one = found.packages[1].interfaces["two"], found.packages[1].interfaces["i"]
    assert found.dependencies(one) == [two]
    assert [found.full_name(id) for id in found.dependencies(two)] == ["x:y/z@1.0.0"]


def test_versions_tell_packages_apart() -> None:
    found = resolve(
        {
            "x.wit": "package a:b; interface i { use c:d/e@1.0.0.{t}; use c:d/e@2.0.0.{t as u}; }",
            "deps/one.wit": "package c:d@1.0.0; interface e { type t = u8; }",
            "deps/two/x.wit": "package c:d@2.0.0; interface e { type t = u16; }",
        }
    )
    assert len(found.packages) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("interface i {} interface I {}", "2:26 `I` is defined twice"),
        ("use j; interface i {}", "2:5 interface or world `j` does not exist"),
        ("use j as i; interface i {} interface j {}", "2:23 the name `i` is taken in this file"),
        ("interface i { use j.{t}; }", "2:19 interface or world `j` does not exist"),
        ("interface i { use w.{t}; } world w {}", "2:19 `w` is a world, not an interface"),
        ("interface i { use j.{t}; } interface j {}", "2:22 type `t` does not exist in that"),
        ("interface i { use j.{f}; } interface j { f: func(); }", "2:22 cannot use function `f`"),
        ("interface i { use j.{}; } interface j { use i.{}; }", "2:37 interface or world `j`"),
        ("interface i { use c:d/e.{}; }", "2:19 package `c:d` is not there"),
        (
            "package c:d@1.0.0 {} interface i { use c:d/e.{}; }",
            "2:40 package `c:d` is not there: there is `c:d@1.0.0`, and the version",
        ),
        ("package c:d {} interface i { use c:d/e.{}; }", "2:38 package `c:d` has no interface `e`"),
        ("package c:d { interface e {} } interface i { use c:d/e.{t}; }", "2:57 type `t` does not"),
        ("package c:d { package e:f {} }", "2:23 a package cannot stand inside another"),
        (
            "package c:d {} package c:d {}",
            "2:24 package `c:d` is defined twice: first at x.wit:2:9",
        ),
        (
            "package c:d { interface i { use e:f/i.{}; } } "
            "package e:f { interface i { use c:d/i.{}; } }",
            "2:33 package `e:f` depends on itself",
        ),
        ("world w { include x; } interface x {}", "2:19 `x` is an interface, not a world"),
        (
            "package c:d {} use c:d/e; world w { include c:d/e; }",
            "2:49 `e` is an interface, not a world",
        ),
    ],
)
def test_names_that_lead_nowhere(text: str, expected: str) -> None:
    assert complaint(text).startswith(expected)


def test_files_agree_on_their_package() -> None:
    with pytest.raises(Invalid, match="another file of this folder says `a:b`"):
        resolve({"one.wit": "package a:b;", "two.wit": "package a:c;"})
    with pytest.raises(Invalid, match="no `package` header"):
        resolve({"one.wit": "interface i {}"})
    with pytest.raises(Invalid, match="documented in another file"):
        resolve({"one.wit": "/// x\npackage a:b;", "two.wit": "/// y\npackage a:b;"})
    with pytest.raises(Invalid, match="no `package` header"):
        resolve({})


def test_a_dependency_may_come_twice_if_it_is_the_same() -> None:
    shared = "package c:shared { interface i { type t = u8; } }"
    texts = {
        "x.wit": "package a:b; interface x { use c:one/i.{t}; use c:two/i.{t as u}; }",
        "deps/one.wit": "package c:one; interface i { use c:shared/i.{t}; }" + shared,
        "deps/two.wit": "package c:two; interface i { use c:shared/i.{t}; }\n\n // \n" + shared,
    }
    assert len(resolve(texts).packages) == 4
    texts["deps/two.wit"] = texts["deps/two.wit"].replace("type t = u8", "type t = u16")
    with pytest.raises(Invalid, match=r"`c:shared` is defined twice: first at deps/one\.wit:1:"):
        resolve(texts)


# Gates


def test_gates_leave_out_what_was_not_asked_for() -> None:
    text = (
        "interface i { @unstable(feature = x) type t = u8;"
        "@unstable(feature = x) f: func(a: list<t>);"
        "@unstable(feature = x) resource r { @unstable(feature = x) m: func(); }"
        "@since(version = 1.0.0) g: func(); }"
        "@unstable(feature = x) interface j { @unstable(feature = x) use i.{t}; h: func(); }"
        "world w { @unstable(feature = x) import j; @unstable(feature = x) include v; import i; "
        "@unstable(feature = x) type t = u8; @unstable(feature = x) import k: interface { f: "
        "func(); } }"
        "@unstable(feature = x) world v {}"
    )
    without, with_x = of(text), of(text, "x")
    assert without.types == []
    assert list(interface(without, "i").functions) == ["g"]
    assert list(without.packages[0].interfaces) == ["i"]
    assert list(without.packages[0].worlds) == ["w"]
    assert names(without, world(without).imports) == ["a:b/i@1.0.0"]
    assert list(interface(with_x, "i").functions) == ["f", "[method]r.m", "g"]
    assert names(with_x, world(with_x).imports) == ["a:b/i@1.0.0", "a:b/j@1.0.0", "k", "t"]
    assert resolve({"x.wit": HEAD + text}, all_features=True) == with_x


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "interface i { @unstable(feature = x) type t = u8; type u = list<t>; }",
            "2:56 this refers to a type that is left out",
        ),
        (
            "interface i { @unstable(feature = x) type t = u8; f: func() -> t; }",
            "2:51 this refers to a type that is left out",
        ),
        (
            "interface i { @unstable(feature = x) type t = u8; record r { a: u8, b: t } }",
            "2:69 this refers to a type that is left out",
        ),
        (
            "@unstable(feature = x) interface i { type t = u8; }",
            "2:43 this type is not behind a gate as its interface is",
        ),
        (
            "@unstable(feature = x) interface i {} world w { import i; }",
            "2:56 this refers to an interface that is left out",
        ),
        (
            "@unstable(feature = x) world v {} world w { include v; }",
            "2:53 this refers to a world that is left out",
        ),
        (
            "interface i { @since(version = 1.0.1) f: func(); }",
            "2:39 @since names version 1.0.1, and this is 1.0.0 yet",
        ),
        (
            "package c:d { interface i { @since(version = 1.0.0) f: func(); } }",
            "2:53 package `c:d` has no version",
        ),
        (
            "interface i { @unstable(feature = x) type t = nothing; }",
            "2:47 type `nothing` does not exist",
        ),
    ],
)
def test_gates_that_do_not_fit(text: str, expected: str) -> None:
    assert complaint(text).startswith(expected)


# Worlds


def test_worlds_have_what_their_parts_need() -> None:
    found = of(
        "interface a { resource r; } interface b { use a.{r}; f: func() -> r; }"
        "interface c { use b.{r}; } interface d {}"
        "world w { import f: func(a: t); type t = list<r>; import d; export c; use b.{r};"
        "import i: interface { use a.{r}; }  import e: d; }"
    )
    w = world(found)
    prefix = "a:b/"
    assert names(found, w.imports) == [
        f"{prefix}d@1.0.0",
        f"{prefix}a@1.0.0",
        "i",
        "e",
        f"{prefix}b@1.0.0",
        "r",
        "t",
        "f",
    ]
    assert names(found, w.exports) == [f"{prefix}c@1.0.0"]
    key = next(key for key in w.imports if key == "e")
    assert found.implements(key, w.imports[key]) == "a:b/d@1.0.0"
    assert found.implements("i", w.imports["i"]) is None
    assert [found.implements(key, item) for key, item in w.exports.items()] == [None]


def test_exports_depend_on_exports_where_they_are() -> None:
    found = of(
        "interface a { resource r; } interface b { use a.{r}; } interface c { use b.{r}; }"
        "world v { export c; export b; /// docs\n export a; } world w { export c; export b; }"
    )
    v, w = world(found, "v"), world(found)
    assert (names(found, v.imports), len(v.exports)) == ([], 3)
    assert names(found, v.exports) == ["a:b/a@1.0.0", "a:b/b@1.0.0", "a:b/c@1.0.0"]
    first = next(iter(v.exports.values()))
    assert isinstance(first, InterfaceItem)
    assert first.docs == "docs"
    assert names(found, w.imports) == ["a:b/a@1.0.0"]


def test_exports_that_contradict_each_other() -> None:
    text = (
        "interface a { type t = u8; } interface b { use a.{t}; }"
        "interface c { use a.{t}; use b.{t as u}; }\nworld foo { export a; export c; }"
    )
    assert complaint(text).startswith("3:7 the exported interface `a:b/c@1.0.0` depends on")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("import f: func(); import F: func();", "2:36 import `F` conflicts: there is a function"),
        ("type t = u8; import t: interface {}", "2:31 import `t` conflicts: there is a type"),
        ("import i; import i;", "2:28 this interface is imported more than once"),
        ("export i; import i; export i;", "2:38 this interface is exported more than once"),
        ("import j: i; import j: i;", "2:31 import `j` conflicts: there is an interface"),
        ("import w;", "2:18 `w` is a world, not an interface"),
        ("import j: w;", "2:21 `w` is a world, not an interface"),
    ],
)
def test_worlds_that_mean_nothing(body: str, expected: str) -> None:
    assert complaint(f"world w {{ {body} }} interface i {{}}").startswith(expected)


def test_external_ids_and_docs_of_world_items() -> None:
    found = of(
        'interface i {} world w { @external-id("x") import i; /// docs\n'
        '@external-id("y") @since(version = 1.0.0) export f: func(); }'
    )
    (imported,) = world(found).imports.values()
    (exported,) = world(found).exports.values()
    assert isinstance(imported, InterfaceItem)
    assert imported.external_id == "x"
    assert isinstance(exported, Function)
    assert (exported.external_id, exported.docs) == ("y", "docs")


# Includes


def test_included_worlds_become_one() -> None:
    found = of(
        "interface i { type t = u8; }"
        "world v { import i; export i; import f: func(); type t = list<u8>; resource r { "
        "constructor(a: t); } import k: interface { resource s; g: func() -> s; } export h: "
        "func(a: t); }"
        "world w { import i; include v with { f as f2, r as q, h as h2 } export f: func(); }"
    )
    v, w = world(found, "v"), world(found)
    assert names(found, w.imports) == [
        "a:b/i@1.0.0",
        "k",
        "t",
        "q",
        "f2",
        "[constructor]q",
    ]
    assert names(found, w.exports) == ["f", "h2", "a:b/i@1.0.0"]
    constructor, inline, used = w.imports["[constructor]q"], w.imports["k"], w.imports["t"]
    assert isinstance(constructor, Function)
    assert constructor.name == "[constructor]q"
    assert isinstance(used, TypeItem)
    assert constructor.params[0].type == used.id
    assert used != v.imports["t"]
    assert found.types[used.id].owner == ("world", found.packages[0].worlds["w"])
    assert isinstance(inline, InterfaceItem)
    original = v.imports["k"]
    assert isinstance(original, InterfaceItem)
    assert found.interfaces[inline.id].clone_of == original.id
    resource = found.interfaces[inline.id].types["s"]
    assert resource != found.interfaces[original.id].types["s"]
    result = found.interfaces[inline.id].functions["g"].result
    assert result is not None
    assert not isinstance(result, Primitive)
    assert found.types[result].kind == Own(resource)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("import f: func(); include v;", "2:37 import of `f` conflicts"),
        ("include v; include v;", "2:30 import of `f` conflicts"),
        ("import F: func(); include v;", "2:37 import of `f` conflicts"),
        ("include v with { g as h }", "2:19 `g` cannot be renamed"),
        ("include v with { i as h }", "2:19 `i` cannot be renamed"),
        ("include w;", "2:7 interface or world `w` depends on itself"),
        ("include u;", "2:19 interface or world `u` does not exist"),
    ],
)
def test_includes_that_mean_nothing(body: str, expected: str) -> None:
    rest = "world v { import f: func(); import i; } interface i {}"
    assert complaint(f"world w {{ {body} }} {rest}").startswith(expected)


def test_gates_of_what_is_included() -> None:
    text = (
        "interface i {} world u { @since(version = 1.0.0) import i; }"
        "world v { @unstable(feature = x) import i; } world w { include u; include v; }"
    )
    assert "behind another gate" in complaint(text, "x")
    abroad = of(
        "package c:d { world w { include a:x/u@1.0.0; } } package a:x@1.0.0 {" + text[:60] + "}"
    )
    item = next(iter(abroad.worlds[-1].imports.values()))
    assert isinstance(item, InterfaceItem)
    assert item.stability is None


# Which world


def test_which_world_is_meant() -> None:
    found = resolve(
        {
            "x.wit": "package a:b; world w {} world v { include c:d/w@1.0.0; }",
            "deps/c.wit": "package c:d@1.0.0; world w {}",
        }
    )
    assert found.worlds[select_world(found, "w")].package == found.main
    assert found.worlds[select_world(found, "c:d/w")].package != found.main
    assert select_world(found, "c:d/w@1.0.0") == select_world(found, "c:d/w")
    one = of("world only {}")
    assert select_world(one) == select_world(one, "only")
    for name, message in (
        (None, "there are `w`, `v`"),
        ("u", "has no world `u`: there are"),
        ("c:d/w@2.0.0", "package `c:d@2.0.0` is not there"),
    ):
        with pytest.raises(Invalid, match=message):
            select_world(found, name)
    with pytest.raises(Invalid, match="it has none"):
        select_world(of("interface i {}"))
    with pytest.raises(Malformed):
        select_world(found, "a b")


def test_fields_keep_their_docs() -> None:
    found = of("interface i { record r { /// one\n a: u8, b: u8 } }")
    kind = found.types[0].kind
    assert isinstance(kind, Record)
    assert [field.docs for field in kind.fields] == ["one", None]
