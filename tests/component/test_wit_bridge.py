"""WIT in binary form, both ways; and the worlds of real components."""

from pathlib import Path

import pytest

from tests.component.same import normal
from tests.corpora import corpora, workloads
from tests.scoreboard import Score
from wadjet.base.errors import Invalid, Malformed
from wadjet.component import text
from wadjet.component.binary import decode as decode_binary
from wadjet.component.binary import encode
from wadjet.component.component import Component, Custom
from wadjet.component.features import ALL
from wadjet.component.validate import validate
from wadjet.component.wit_bridge import decode, encode_package, encode_world, is_package, read
from wadjet.wit import Resolve, dependencies, print_package, select_world
from wadjet.wit.sources import Where


def whole_text(resolve: Resolve) -> str:
    return print_package(resolve, resolve.main, dependencies(resolve, resolve.main))


def without_producers(path: Path) -> Component:
    component = text.parse(path.read_bytes(), ALL)
    component.definitions = [
        d
        for d in component.definitions
        if not (isinstance(d, Custom) and d.name in ("producers", "component-type"))
    ]
    return component


def source_of(verdict: Path) -> Path:
    file = verdict.with_suffix(".wit")
    return file if file.exists() else verdict.with_suffix("")


def is_rejected(verdict: Path) -> bool:
    """Whether a text without a source beside it, of the time when results had names, is no more."""
    assert not source_of(verdict).exists()
    with pytest.raises(Malformed, match='unexpected token "a"'):
        text.parse(verdict.read_bytes(), ALL)
    return True


def test_packages_are_encoded_as_elsewhere(score: Score) -> None:
    wrong, passed = [], 0
    for verdict in sorted((corpora("wit-component-encoding") / "interfaces").glob("*.wat")):
        if verdict.stem == "single-named-result":
            assert is_rejected(verdict)
            continue
        resolve = read(source_of(verdict), all_features=True)
        made = encode_package(resolve, resolve.main)
        if encode(made) == normal(without_producers(verdict)):
            passed += 1
        else:
            wrong.append(verdict.name)
    score("wit-component-encoding", "to binary", passed, len(wrong))
    assert wrong == []
    assert passed >= 41


def test_packages_are_decoded_as_elsewhere() -> None:
    wrong, passed = [], 0
    for verdict in sorted((corpora("wit-component-encoding") / "interfaces").glob("*.wat")):
        beside = verdict.with_suffix(".wit.print")
        printed = [beside] if beside.exists() else verdict.with_suffix("").glob("*.print")
        for path in printed:
            resolve, world = decode(without_producers(verdict))
            passed += 1
            texts = [print_package(resolve, id) for id in resolve.package_names.values()]
            if world is not None or path.read_text() not in texts:
                wrong.append(path.name)
    assert wrong == []
    assert passed >= 40


def test_all_of_wasi_goes_there_and_back() -> None:
    """Binary and back gives the text that text gives."""
    count = 0
    for folder in sorted(corpora("wasi-wit").glob("wasi-0.*/*/wit")):
        beside = [path for path in sorted(folder.parent.parent.glob("*/wit")) if path != folder]
        first = read([*beside, folder], all_features=True)
        component = decode_binary(encode(encode_package(first, first.main)), ALL)
        assert is_package(component)
        second, _ = decode(component)
        wanted = print_package(first, first.main)
        assert print_package(second, second.main) == wanted, folder
        count += 1
    assert count >= 10


SHOP: Where = {
    "shop.wit": """
        package local:shop@1.2.0;
        interface things {
            type size = u32;
            type other = size;
            resource thing { constructor(s: size); grow: func(by: other) -> result<_, string>; }
            record pair { first: size, second: list<tuple<other, option<char>>> }
            all: async func() -> stream<pair>;
        }
        world shop {
            use things.{thing, size as amount};
            import own-log: interface { log: func(what: string); }
            import sell: func(t: thing, at: amount);
            export things;
            export close: func() -> future;
        }
    """
}


def test_names_of_types_survive() -> None:
    first = read(SHOP)
    second, _ = decode(encode_package(first, first.main))
    assert whole_text(second) == whole_text(first)
    assert "type other = size;" in whole_text(second)
    assert "use things.{thing, size as amount};" in whole_text(second)


def test_a_world_alone() -> None:
    first = read(SHOP)
    component = encode_world(first, select_world(first))
    validate(component)
    second, _ = decode(component)
    assert list(second.packages[second.main].worlds) == ["shop"]
    world = second.worlds[select_world(second)]
    assert world.docs is None
    exports = {second.key_name(key) for key in world.exports}
    assert exports == {"local:shop/things@1.2.0", "close"}


WRAPPED = """(component
    (type $shape (instance
        (type (record (field "w" u8))) (export "box" (type $box (eq 0)))
        (type $f (func (param "x" $box))) (export "show" (func (type $f)))))
    (import "a:b/types@0.1.0" (instance $types (type $shape)))
    (alias export $types "box" (type $box))
    (alias export $types "show" (func $show))
    (component $inner
        (type $r (record (field "w" u8)))
        (import "box" (type $b (eq $r)))
        (import "f" (func $f (param "x" $b)))
        (export $mine "box" (type $b))
        (export "run" (func $f) (func (param "x" $mine))))
    (instance $i (instantiate $inner (with "box" (type $box)) (with "f" (func $show))))
    (export "c:d/face" (instance $i)))"""


def test_the_world_of_a_component() -> None:
    """Types keep their names on their way through a component inside."""
    resolve, world = decode(text.parse(WRAPPED))
    assert world is not None
    assert (
        whole_text(resolve)
        == """\
package root:component;

world root {
  import a:b/types@0.1.0;

  export c:d/face;
}
package a:b@0.1.0 {
  interface types {
    record box {
      w: u8,
    }

    show: func(x: box);
  }
}


package c:d {
  interface face {
    use a:b/types@0.1.0.{box};

    run: func(x: box);
  }
}
"""
    )


def test_components_of_others_say_what_they_are() -> None:
    folder = workloads() / "components"
    resolve, world = decode(decode_binary((folder / "hello_p2.wasm").read_bytes(), lazy=True))
    assert world is not None
    found = resolve.worlds[world]
    assert [resolve.key_name(key) for key in found.exports] == ["wasi:cli/run@0.2.12"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "unknown version"),
        (b"\x02{}", "unknown version"),
        (b"\x01{", "not JSON"),
        (b"\x01" + b"[" * 100_000, "not JSON"),
        (b"\x01\xff", "not JSON"),
        (b"\x01[]", "an object belongs"),
        (b'\x01{"docs":1}', "a text belongs"),
        (b'\x01{"worlds":{"none":{}}}', "not there"),
        (b'\x01{"interfaces":{"things":{"stability":{"stable":{"since":"x"}}}}}', "a version"),
        (b'\x01{"interfaces":{"things":{"funcs":{"nothing":{}}}}}', "not there"),
    ],
)
def test_damaged_docs(data: bytes, words: str) -> None:
    resolve = read(SHOP)
    component = encode_package(resolve, resolve.main)
    component.definitions[-1] = Custom("package-docs", data)
    with pytest.raises(Malformed, match=words):
        decode(component)


def test_instantiating_without_end() -> None:
    """Thirty components, each of which instantiates the one before twice."""
    layers = "".join(
        f"(component $c{i} (alias outer 1 $c{i - 1} (component $c))"
        '(instance (instantiate $c)) (instance $i (instantiate $c)) (export "i" (instance $i)))'
        for i in range(1, 31)
    )
    source = f"(component (component $c0) {layers} (instance $z (instantiate $c30))"
    source += '(export "z" (instance $z)))'
    with pytest.raises(Invalid, match="instantiate each other"):
        decode(text.parse(source))
