"""The examples are what their sources say."""

from pathlib import Path

from wadjet.component.binary import encode as encode_component
from wadjet.component.build.metadata import embed
from wadjet.component.build.new import new
from wadjet.component.wit_bridge import read
from wadjet.core.binary import encode
from wadjet.core.text import parse
from wadjet.wit import select_world

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_shapes() -> None:
    resolve = read(EXAMPLES / "shapes.wit")
    core = encode(parse((EXAMPLES / "shapes.wat").read_text()))
    made = new(embed(core, resolve, select_world(resolve)))
    assert encode_component(made) == (EXAMPLES / "shapes.wasm").read_bytes()
