"""`wadjet bindgen`: typed Python modules for worlds."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from wadjet.base.errors import Invalid, Malformed
from wadjet.cli.common import Command, Failure, explain
from wadjet.component import text
from wadjet.component.binary import decode, is_component
from wadjet.component.features import ALL
from wadjet.component.wit_bridge import decode as wit_of
from wadjet.component.wit_bridge import is_package, read
from wadjet.tools.bindgen import Bindings, generate
from wadjet.wit import select_world


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a component, or a file or folder of WIT")
    parser.add_argument("-w", "--world", metavar="NAME", help="the world, if there are several")
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", default=".", help="where the two files go (here)"
    )
    parser.add_argument(
        "-n", "--name", metavar="NAME", help="the name of the module (that of the world)"
    )
    parser.add_argument(
        "--all-features", action="store_true", help="take in what is behind `@unstable` gates"
    )


def _run(args: Namespace) -> int:
    try:
        made = _bindings(Path(args.file), args.world, args.all_features)
    except (Malformed, Invalid) as error:
        raise Failure(explain(args.file, error)) from None
    except OSError as error:
        raise Failure(f"{args.file}: {error.strerror}") from None
    folder, name = Path(args.output), args.name or made.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, contents in ((".py", made.module), (".pyi", made.stub)):
            (folder / f"{name}{suffix}").write_text(contents)
    except OSError as error:
        raise Failure(f"{folder}: {error.strerror}") from None
    print(folder / f"{name}.py")
    return 0


def _bindings(path: Path, name: str | None, all_features: bool) -> Bindings:
    """The bindings of a component's world, or of one that is written in WIT."""
    if path.is_file() and path.suffix != ".wit":
        data = path.read_bytes()
        component = decode(data, ALL) if is_component(data) else text.parse(data, ALL)
        if not is_package(component):
            resolve, world = wit_of(component)
            assert world is not None, "a component that is no package has a world"
            return generate(resolve, world)
    resolve = read(path, all_features=all_features)
    return generate(resolve, select_world(resolve, name))


COMMAND = Command(
    "bindgen",
    "Make a typed Python module of a world: the classes of its types, what its instances export, "
    "and protocols for what they import.",
    _options,
    _run,
)
