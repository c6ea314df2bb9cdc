"""`wadjet component`: WIT and components, made of and into each other."""

import argparse
import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wadjet.base.errors import Invalid, Malformed
from wadjet.cli.common import (
    Command, Failure, add_output, explain, read_input, read_module, write_output,
    write_text,
)  # fmt: skip
from wadjet.cli.parser import Parser
from wadjet.cli.components import read_component

if TYPE_CHECKING:
    from wadjet.wit import Resolve


def _options(parser: ArgumentParser) -> None:
    commands = parser.add_subparsers(
        metavar="COMMAND", required=True, title="commands", parser_class=Parser
    )
    for name, (purpose, options, run) in _COMMANDS.items():
        inner = commands.add_parser(
            name,
            help=purpose,
            description=purpose[0].upper() + purpose[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        inner.set_defaults(run=run)
        options(inner)


def _run(args: Namespace) -> int:
    run: Callable[[Namespace], int] = args.run
    try:
        return run(args)
    except (Malformed, Invalid) as error:
        raise Failure(explain(getattr(args, "file", "component"), error)) from None


# wit


def _wit_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="PATH", help="WIT (a file or folder), or a component, binary or text"
    )
    _add_gates(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("-w", "--wasm", action="store_true", help="write the package in binary form")
    form.add_argument("-t", "--wat", action="store_true", help="write the text of the binary form")
    form.add_argument("--json", action="store_true", help="write what it means as JSON")
    form.add_argument("--out-dir", metavar="DIR", help="write a folder of WIT, with deps")
    add_output(parser, "standard output")


def _add_gates(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--features",
        metavar="A,B",
        default="",
        help="the gates (@unstable) to open",
    )
    parser.add_argument("--all-features", action="store_true", help="open all gates")


def _wit(args: Namespace) -> int:
    from wadjet.wit import dependencies, print_package

    resolve = read_wit(args.file, args.features, args.all_features)
    if args.wasm or args.wat:
        from wadjet.component.binary import encode
        from wadjet.component.text.printer import print_component
        from wadjet.component.wit_bridge import encode_package

        made = encode_package(resolve, resolve.main)
        if args.wasm:
            write_output(encode(made), args.output)
        else:
            write_text([print_component(made)], args.output)
    elif args.json:
        from wadjet.wit import to_json

        write_text([json.dumps(to_json(resolve), indent=2) + "\n"], args.output)
    elif args.out_dir:
        _write_folder(resolve, Path(args.out_dir))
    else:
        needed = dependencies(resolve, resolve.main)
        write_text([print_package(resolve, resolve.main, needed)], args.output)
    return 0


def read_wit(path: str, features: str = "", all_features: bool = False) -> "Resolve":
    """The WIT at a path: texts, a package in binary form, or the world of a component."""
    from wadjet.component.wit_bridge import read
    from wadjet.wit import resolve

    try:
        if Path(path).suffix in (".wit", "") or Path(path).is_dir():
            gates = [feature for feature in features.split(",") if feature]
            return read(path, gates, all_features=all_features)
        from wadjet.component.wit_bridge import to_text

        text = to_text(Path(path).name, Path(path).read_bytes())
        return resolve({"component.wit": text}, all_features=True)
    except OSError as error:
        raise Failure(f"{error.filename or path}: {error.strerror or error}") from None


def _write_folder(resolve: "Resolve", folder: Path) -> None:
    """Write a package and those it refers to, as WIT.md lays them out."""
    from wadjet.wit import dependencies, print_package

    try:
        (folder / "deps").mkdir(parents=True, exist_ok=True)
        for id in [resolve.main, *dependencies(resolve, resolve.main)]:
            name = resolve.packages[id].name
            file = f"{name.namespace}-{name.name}" + (f"-{name.version}" if name.version else "")
            place = folder if id == resolve.main else folder / "deps"
            (place / f"{file}.wit").write_text(print_package(resolve, id), "utf-8")
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror or error}") from None


# new, embed


def _new_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="a core module, binary or text, with a world noted in it"
    )
    parser.add_argument(
        "--adapt",
        metavar="[NAME=]FILE",
        action="append",
        default=[],
        help="a core module that provides the imports of this name (default: the file's name); "
        "for programs of WASI 0.1 there is one already",
    )
    parser.add_argument(
        "--merge-imports-based-on-semver",
        metavar="true|false",
        choices=("true", "false"),
        default="true",
        help="import an interface in one version in place of all that it may stand in for "
        "(default: true)",
    )
    add_output(parser, "standard output, in a pipe")


def _new(args: Namespace) -> int:
    from wadjet.component.binary import encode
    from wadjet.component.build.new import new

    adapters = {}
    for given in args.adapt:
        name, sign, path = given.rpartition("=")
        adapters[name if sign else Path(path).name.partition(".")[0]] = read_core(path)
    module = read_core(args.file)
    merge = args.merge_imports_based_on_semver == "true"
    made = new(module, _with_preview1(module, adapters), merge=merge)
    write_output(encode(made), args.output)
    return 0


def _with_preview1(module: bytes, adapters: dict[str, bytes]) -> dict[str, bytes]:
    """Add the adapter for WASI 0.1 where it is needed and no other is given."""
    from wadjet.component.build.preview1 import NAME, adapter
    from wadjet.core.binary import decode
    from wadjet.core.features import ALL

    decoded = decode(module, ALL, lazy=True)
    if NAME in adapters or all(each.module != NAME for each in decoded.imports):
        return adapters
    return adapters | {NAME: adapter(decoded)}


def read_core(name: str) -> bytes:
    """The bytes of a core module that may be written as text."""
    data = read_input(name)
    if data.startswith(b"\0asm"):
        return data
    from wadjet.core.binary import encode
    from wadjet.core.features import ALL

    return encode(read_module(name, data, ALL))


def _embed_options(parser: ArgumentParser) -> None:
    parser.add_argument("wit", metavar="WIT", help="WIT that has the world, a file or folder")
    parser.add_argument("file", metavar="FILE", help="a core module, binary or text")
    parser.add_argument("-w", "--world", metavar="NAME", help="the world, if there are several")
    parser.add_argument(
        "--encoding",
        choices=("utf8", "utf16", "latin1+utf16"),
        default="utf8",
        help="how the module encodes strings (default: utf8)",
    )
    _add_gates(parser)
    add_output(parser, "standard output, in a pipe")


def _embed(args: Namespace) -> int:
    from wadjet.component.build.metadata import embed
    from wadjet.wit import select_world

    resolve = read_wit(args.wit, args.features, args.all_features)
    world = select_world(resolve, args.world)
    write_output(embed(read_core(args.file), resolve, world, args.encoding), args.output)
    return 0


# targets, semver-check


def _targets_options(parser: ArgumentParser) -> None:
    parser.add_argument("wit", metavar="WIT", help="WIT that has the world, a file or folder")
    parser.add_argument("file", metavar="FILE", help="a component, binary or text")
    parser.add_argument("-w", "--world", metavar="NAME", help="the world, if there are several")
    _add_gates(parser)


def _targets(args: Namespace) -> int:
    from wadjet.component.build.targets import check_targets
    from wadjet.wit import select_world

    resolve = read_wit(args.wit, args.features, args.all_features)
    check_targets(read_component(args.file), resolve, select_world(resolve, args.world))
    return 0


def _semver_options(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="WIT", help="WIT that has both worlds, a file or folder")
    parser.add_argument("--prev", metavar="NAME", required=True, help="the earlier world")
    parser.add_argument("--new", metavar="NAME", required=True, help="the later world")
    _add_gates(parser)


def _semver_check(args: Namespace) -> int:
    from wadjet.component.build.targets import check_semver
    from wadjet.wit import select_world

    resolve = read_wit(args.file, args.features, args.all_features)
    check_semver(resolve, select_world(resolve, args.prev), select_world(resolve, args.new))
    return 0


# unbundle


def _unbundle_options(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a component, binary or text")
    parser.add_argument(
        "--module-dir", metavar="DIR", required=True, help="where to write the core modules"
    )
    parser.add_argument(
        "--threshold", metavar="BYTES", type=int, default=0, help="leave what takes no more"
    )
    add_output(parser, "standard output, in a pipe")


def _unbundle(args: Namespace) -> int:
    from wadjet.component.binary import encode
    from wadjet.component.build.unbundle import unbundle

    component, modules = unbundle(read_component(args.file), args.threshold)
    for name, data in modules.items():
        write_output(data, str(Path(args.module_dir) / f"{name}.wasm"))
    write_output(encode(component), args.output)
    return 0


# link


def _link_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files",
        metavar="[NAME=]FILE",
        nargs="+",
        help="a dynamic library, binary or text; of several with one symbol the first counts",
    )
    parser.add_argument(
        "--stack-size",
        metavar="BYTES",
        type=int,
        default=1 << 20,
        help="how large the stack is that they share (default: 1 MiB)",
    )
    parser.add_argument(
        "--dl-openable",
        metavar="[NAME=]FILE",
        action="append",
        default=[],
        help="one more library, which dlopen finds under this name (default: the file's name)",
    )
    parser.add_argument(
        "--use-built-in-libdl",
        action="store_true",
        help="supply dlopen, dlsym, dlclose and dlerror",
    )
    parser.add_argument(
        "--stub-missing-functions",
        action="store_true",
        help="let functions that no library has trap when they are called",
    )
    add_output(parser, "standard output, in a pipe")


def _link(args: Namespace) -> int:
    from wadjet.component.binary import encode
    from wadjet.component.build.link import Choices, link

    libraries = []
    for given in (*args.files, *args.dl_openable):
        name, sign, path = given.rpartition("=")
        libraries.append((name if sign else Path(path).name, read_core(path)))
    openable = [name for name, _ in libraries[len(args.files) :]]
    choices = Choices(
        args.stack_size, openable, args.use_built_in_libdl, args.stub_missing_functions
    )
    write_output(encode(link(libraries, choices)), args.output)
    return 0


#: name → what it is for, its options, what it does
_COMMANDS: Final[
    dict[str, tuple[str, Callable[[ArgumentParser], None], Callable[[Namespace], int]]]
] = {
    "wit": ("show the WIT of a package or component, or change its form", _wit_options, _wit),
    "new": ("make a component of a core module", _new_options, _new),
    "embed": ("note in a core module what world it is for", _embed_options, _embed),
    "link": ("make a component of dynamic libraries", _link_options, _link),
    "targets": ("check that a component fits a world", _targets_options, _targets),
    "semver-check": (
        "check that what was made for a world fits a later one",
        _semver_options,
        _semver_check,
    ),
    "unbundle": ("take core modules out of a component", _unbundle_options, _unbundle),
}

COMMAND = Command("component", "Components and WIT: look at them, make them.", _options, _run)
