"""Compositions: the official cases of WAC, what comes of them, and plugging."""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.component.dummies import dummy
from tests.corpora import corpora
from tests.scoreboard import Score
from wadjet.base.errors import Error, Invalid, Malformed
from wadjet.component import binary, text
from wadjet.component.compose import compose, plug
from wadjet.component.compose.assemble import assemble
from wadjet.component.compose.graph import Graph, Node, Package
from wadjet.component.compose.parse import parse
from wadjet.component.component import Component, Instantiate
from wadjet.component.closed import ComponentShape, Extern, TypeBound
from wadjet.component.features import ALL
from wadjet.component.subtyping import Matcher, Work
from wadjet.component.types import STRING, U32, FuncType
from wadjet.component.validate import validate
from wadjet.component.wit_bridge import decode, encode_package, encode_world, read
from wadjet.wit import print_package, select_world
from wadjet.wit.ast import PackageName

#: cases whose verdict is at another line than ours, which says the same of another place
ELSEWHERE = {
    "duplicate-use-in-world",  # the one of the two that comes second there, first here
    "duplicate-variant-case",  # it is wrong twice
    "export-conflict-alias", "export-conflict-type", "type-decl-conflict",  # likewise
    "missing-ok-result-type", "package-not-wasm",  # the package's text is at fault
    "implicit-arg-conflict", "import-conflict",  # an instance, and an import that is in its way
}  # fmt: skip


def suite(part: str) -> Path:
    return corpora("wac") / part / "tests"


def load(path: Path) -> Component | None:
    """A component, or the WIT that is kept at a place."""
    written, made = path.with_name(f"{path.name}.wat"), path.with_name(f"{path.name}.wasm")
    if written.exists():
        return text.parse(written.read_bytes(), ALL)
    if made.exists():
        return binary.decode(made.read_bytes(), ALL)
    if path.is_dir() and list(path.glob("*.wit")):
        resolve = read(path)
        return encode_package(resolve, resolve.main)
    return None


def beside(document: Path) -> Callable[[PackageName], Component | None]:
    """Packages are kept in a folder called like the document."""

    def find(name: PackageName) -> Component | None:
        return load(document.with_suffix("") / name.namespace / name.name)

    return find


def world_of(component: Component) -> str:
    resolve, _ = decode(binary.decode(binary.encode(component), ALL))
    return print_package(resolve, resolve.main)


def documents(*folders: str) -> list[Path]:
    return [p for f in folders for p in sorted((suite("wac-parser") / f).glob("*.wac"))]


def test_all_documents_are_read() -> None:
    for path in documents("parser", "resolution", "encoding", "encoding/fail"):
        parse(path.read_bytes(), str(path))


def test_malformed_documents(score: Score) -> None:
    cases = documents("parser/fail")
    for path in cases:
        verdict = path.with_name(f"{path.name}.result").read_text()
        wanted = re.search(r"\.wac:(\d+):", verdict)
        with pytest.raises(Malformed) as caught:
            parse(path.read_bytes(), path.name)
        if "end of" not in verdict:
            assert caught.value.place is not None
            assert wanted is not None
            assert caught.value.place.line == int(wanted[1]), path
    score("wac", "malformed", len(cases), 0)
    assert len(cases) >= 12


def test_documents_that_mean_something(score: Score) -> None:
    failed = {}
    for path in documents("resolution", "encoding"):
        try:
            compose(path.read_bytes(), beside(path), path.name)
        except Error as error:
            failed[path.stem] = str(error)
    count = len(documents("resolution", "encoding"))
    score("wac", "resolves", count - len(failed), len(failed))
    assert failed == {}


def test_documents_that_mean_nothing(score: Score) -> None:
    cases, wrong = documents("resolution/fail", "encoding/fail"), []
    for path in cases:
        verdict = path.with_name(f"{path.name}.result").read_text()
        wanted = re.search(rf"{path.name}:(\d+):", verdict)
        try:
            compose(path.read_bytes(), beside(path), path.name)
        except (Malformed, Invalid) as error:
            line = None if error.place is None else error.place.line
            for_target = path.stem.startswith("target")
            if wanted and not for_target and path.stem not in ELSEWHERE and line != int(wanted[1]):
                wrong.append(f"{path.stem}:{wanted[1]}: {error}")
        else:
            wrong.append(f"{path.stem} is accepted, expected {verdict}")
    score("wac", "invalid", len(cases) - len(wrong), len(wrong))
    assert wrong == []
    assert len(cases) >= 90


@pytest.mark.parametrize(
    "name", ["include-resource", "instantiation", "merged-functions", "resources"]
)
def test_what_comes_of_a_document(name: str) -> None:
    """The same world as elsewhere, but for the components inside, which are imported there."""
    path = suite("wac-parser") / "encoding" / f"{name}.wac"
    made = compose(path.read_bytes(), beside(path), path.name)
    verdict = path.with_name(f"{path.name}.result").read_text()
    assert sorted(world_lines(made)) == sorted(expected_world(verdict))


def shape_of(name: str) -> ComponentShape:
    path = suite("wac-parser") / f"{name}.wac"
    return validate(compose(path.read_bytes(), beside(path), path.name), ALL).shape


def without_t(shape: ComponentShape) -> ComponentShape:
    exports = {name: extern for name, extern in shape.exports.items() if name != "t"}
    return ComponentShape(shape.imports, exports, shape.taken, shape.made)


def test_types_that_are_defined_are_exported() -> None:
    """As elsewhere, but for the world `t`: it imports the whole interface that it uses types of."""
    made = shape_of("encoding/types")
    verdict = (suite("wac-parser") / "encoding" / "types.wac.result").read_bytes()
    wanted = validate(text.parse(verdict, ALL), ALL).shape
    assert list(made.exports) == list(wanted.exports)
    made, wanted = without_t(made), without_t(wanted)
    assert Matcher(Work()).component(made, wanted) is None
    assert Matcher(Work()).component(wanted, made) is None


def test_types_go_by_the_last_name_they_are_given() -> None:
    made = shape_of("resolution/alias")
    assert made.exports == {
        "a2": TypeBound(U32), "b2": TypeBound(STRING), "c2": TypeBound(FuncType((), None))
    }  # fmt: skip


def test_types_are_made_of_types_that_are_exported() -> None:
    whole = compose(
        """package local:whole;
        type pairs = list<pair>;
        record pair { first: kind, second: kind }
        enum kind { some, other }
        type answer = func(of: pairs) -> option<pair>;
        """,
        lambda name: None,
    )
    shape = validate(whole, ALL).shape
    assert sorted(shape.exports) == ["answer", "kind", "pair", "pairs"]
    assert not shape.imports


def test_a_composition_of_types_is_no_package() -> None:
    whole = compose("package local:whole; record pair { x: u8 }", lambda name: None)
    assert "world root {\n  record pair {" in world_of(whole)


def test_a_type_and_an_export_of_one_name() -> None:
    for document in ("type x = u8; type x = u16;", "type x = u8; export x;"):
        with pytest.raises(Invalid, match="`x`"):
            compose(f"package local:whole; {document}", lambda name: None)


def world_lines(component: Component) -> list[tuple[str, str]]:
    text_ = world_of(component)
    return re.findall(r"^  (import|export) %?(\S+?)(?::(?= )|;)", text_, re.MULTILINE)


def expected_world(verdict: str) -> list[tuple[str, str]]:
    item = r'^  \((import|export)(?: \S+)?(?: \(;\d+;\))? "([^"]+)" \((?!type)'
    found = re.findall(item, verdict, re.MULTILINE)
    return [(kind, name) for kind, name in found if "unlocked-dep" not in name]


def package_at(path: Path) -> Component:
    """A package of a graph: WIT is that of a component of its one world."""
    if path.suffix == ".wat":
        return text.parse(path.read_bytes(), ALL)
    resolve = read(path)
    return dummy(resolve, select_world(resolve, None))


def import_of(package: Package, export: str) -> tuple[str, Extern, dict[str, str]]:
    """What a package exports, as WIT's words for an import of it, and the packages in these. Where
    it is a type, something of this type is imported."""
    extern = package.shape.exports[export]
    if isinstance(extern, TypeBound):
        assert extern.type == FuncType((), None)
        return f"{export}: func()", extern.type, {}
    resolve, _ = decode(package.component)
    beside = {i: n for n, i in resolve.package_names.items() if i != resolve.main}
    texts = {f"deps/{name.name}.wit": print_package(resolve, id) for id, name in beside.items()}
    words = re.search(rf"^  export ({re.escape(export)}\b.*);$", world_of(package.component), re.M)
    assert words is not None
    return words[1], extern, texts


def graph_of(folder: Path) -> Graph:
    """The graph that a case describes. Raises what building it raises."""
    told = json.loads((folder / "graph.json").read_text())
    packages = [Package(p["name"], package_at(folder / p["path"])) for p in told["packages"]]
    imports: dict[str, Extern] = {}
    lines, texts = set[str](), dict[str, str]()
    for node in told["nodes"]:
        if node["type"] == "import":
            name, export = node["name"], node["export"]
            words, imports[name], beside = import_of(packages[node["package"]], export)
            lines.add(f"import {name}{words.removeprefix(export)};\n")
            texts.update(beside)
    source = f"package test:imports; world imports {{ {''.join(lines)} }}"
    world = read({"imports.wit": source, **texts})
    graph = Graph(encode_world(world, select_world(world, None)))

    @cache
    def made(number: int) -> Node:
        node = told["nodes"][number]
        if node["type"] == "alias":
            return graph.access(made(node["source"]), node["export"])
        if node["type"] == "import":
            return graph.import_(node["name"], imports[node["name"]])
        given = [a for a in told.get("arguments", []) if a["target"] == number]
        args = {a["name"]: made(a["source"]) for a in given}
        return graph.new(packages[node["package"]], args, rest=True)

    for number in range(len(told["nodes"])):
        made(number)
    for export in told.get("exports", []):
        graph.export(export["name"], made(export["node"]))
    return graph


def graphs(verdict: str) -> list[Path]:
    return sorted(path.parent for path in (suite("wac-graph") / "graphs").glob(f"*/{verdict}"))


#: case → what is wrong with it, which shows only where components are not left out: `baz` gets one
#: component's `x`, and a function that returns another's
NO_GRAPHS = {"implicit-resource-import": "`x`: resource types are not the same"}


def test_graphs(score: Score) -> None:
    wrong = {}
    for folder in graphs("encoded.wat"):
        if folder.name in NO_GRAPHS:
            with pytest.raises(Invalid, match=NO_GRAPHS[folder.name]):
                assemble(graph_of(folder))
            continue
        found = set(world_lines(assemble(graph_of(folder))))
        wanted = set(expected_world((folder / "encoded.wat").read_text()))
        if found != wanted:
            wrong[folder.name] = found ^ wanted
    failed = len(wrong) + len(NO_GRAPHS)
    score("wac", "graphs", len(graphs("encoded.wat")) - failed, failed)
    assert wrong == {}
    assert len(graphs("encoded.wat")) >= 13


#: case → what its complaint says; those with nothing cannot even be said: arguments are a mapping,
#: nodes are made of nodes that are there, packages are objects, only instantiations take arguments
BAD_GRAPHS = {
    "argument-already-satisfied": "",
    "argument-type-mismatch": "expected instance, found func",
    "contains-cycle": "",
    "export-already-exists": "there is an export `foo` already",
    "export-missing": "there is no export `foo`",
    "implicit-import-conflict": "implicitly imports `foo`, which is imported explicitly as well",
    "import-already-exists": "there is an import `foo` already",
    "invalid-export-name": "export name `!` is not valid",
    "invalid-import-name": "NOT_VALID",
    "missing-argument": "has no import `foo`",
    "not-an-instance": "this is not an instance",
    "not-instantiation": "",
    "package-already-registered": "",
    "type-aggregation-error": "`baz`",
}


@pytest.mark.parametrize(("name", "words"), [case for case in BAD_GRAPHS.items() if case[1]])
def test_graphs_that_cannot_be(name: str, words: str) -> None:
    with pytest.raises((Invalid, Malformed), match=words):
        assemble(graph_of(suite("wac-graph") / "graphs" / name))


def test_all_graphs_that_cannot_be_are_known() -> None:
    assert {folder.name for folder in graphs("error.txt")} == BAD_GRAPHS.keys()


NUMBERS = """(component
  (core module $m (func (export "next") (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 1))))
  (core instance $i (instantiate $m))
  (func $next (param "n" u32) (result u32) (canon lift (core func $i "next")))
  (instance $out (export "next" (func $next)))
  (export "local:demo/numbers@1.2.0" (instance $out)))"""
USER = """(component
  (import "local:demo/numbers@1.0.0" (instance $n
    (export "next" (func (param "n" u32) (result u32)))))
  (import "local:demo/other" (instance (export "go" (func))))
  (alias export $n "next" (func $next))
  (export "twice" (func $next)))"""


def test_plugging() -> None:
    made = plug(text.parse(USER), [text.parse(NUMBERS)])
    assert (
        world_of(made)
        == """\
package root:component;

world root {
  import local:demo/other;

  export twice: func(n: u32) -> u32;
}
"""
    )
    assert len([d for d in made.definitions if isinstance(d, Instantiate)]) == 2
    with pytest.raises(Invalid, match="plug 2 exports nothing"):
        plug(text.parse(USER), [text.parse(NUMBERS), text.parse(NUMBERS)])


def test_a_composition_in_words() -> None:
    parts = {"local:numbers": text.parse(NUMBERS), "local:user": text.parse(USER)}
    document = """package local:whole;
      import other: interface { go: func(); };
      let n = new local:numbers {};
      let u = new local:user { "local:demo/numbers@1.0.0": n.numbers, other };
      export u.twice as "double";
      export n...;
    """
    made = compose(document, lambda name: parts.get(str(name)))
    resolve, world = decode(made)
    assert world is not None
    found = resolve.worlds[world]
    assert [resolve.key_name(k) for k in found.imports] == ["other"]
    assert [resolve.key_name(k) for k in found.exports] == ["double", "local:demo/numbers@1.2.0"]
    wrong = document.replace("other };", "other: n };")
    with pytest.raises(Invalid, match="missing expected export `go`") as caught:
        compose(wrong, lambda name: parts.get(str(name)))
    assert caught.value.place is not None
    assert caught.value.place.line == 4


@pytest.mark.parametrize(
    "text_",
    ["package a:b; let x = " + "(" * 5000, "package a:b; export x" + ".a" * 5000 + ";",
     "package a:b; let x = " + "new a:b { c: " * 3000, "package a:b; let x = y[1];",
     "package a:b; let x = new a:b { ... , };", "\xff", "package a:b; type x = " + "list<" * 3000],
)  # fmt: skip
def test_strange_documents(text_: str) -> None:
    with pytest.raises((Malformed, Invalid)):
        compose(text_, lambda name: None)
