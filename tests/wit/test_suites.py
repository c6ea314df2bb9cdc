"""The WIT suites: what resolves, to what, and what is rejected, and where."""

import json
import re
from pathlib import Path

from tests.corpora import corpora
from tests.scoreboard import Score
from tests.wit.ledger import run
from wadjet.base.errors import Error, Invalid, Malformed
from wadjet.component.wit_bridge import read
from wadjet.wit import dependencies, print_package, resolve, to_json
from wadjet.wit.sources import Where

#: verdicts that outlived their texts in the suite, and those texts: functions stand in interfaces
_LOST = {
    "async": "package a:b; interface i {\na: async\n",
    "async1": "package a:b; interface i {\na: async()\n",
    "unterminated-string": '\n\n"\n',
}
_PLACE = re.compile(r"tests/ui/parse-fail/([^\s:]+):(\d+):(\d+)")


def source(verdict: Path) -> Path:
    """The folder or file that a file with a verdict is about."""
    base = verdict.with_name(verdict.name.partition(".wit.")[0])
    if base.is_dir():
        return base
    text = base.with_name(f"{base.name}.wit")
    return text if text.exists() else base.with_name(f"{base.name}.wat")


def without_suffix(path: Path) -> str:
    return path.name.partition(".wit")[0]


def test_good_packages_mean_what_they_should(score: Score) -> None:
    def check(verdict: Path) -> str:
        try:
            found = json.dumps(to_json(read(source(verdict), {"active"})))
        except (Malformed, Invalid) as error:
            return str(error)
        return "" if found == json.dumps(json.loads(verdict.read_text())) else "differs"

    verdicts = sorted(corpora("wit-parser-ui").glob("*.wit.json"))
    cases = [(f"wit-parser-ui/{without_suffix(path)}", path) for path in verdicts]
    assert run("wit-parser-ui", cases, check, score) >= 74


def test_bad_packages_are_rejected_at_the_right_place(score: Score) -> None:
    def check(verdict: Path) -> str:
        text, path = verdict.read_text(), source(verdict)
        stem = without_suffix(verdict)
        where: Where = {str(verdict.with_suffix("")): _LOST[stem]} if stem in _LOST else path
        wanted = _PLACE.search(text)
        try:
            resolve(where, {"active"})
        except (Malformed, Invalid) as error:
            place = error.place
            if wanted is None:
                return ""
            if place is None or place.source is None:
                return f"no place, expected {wanted[0]}: {error}"
            name = Path(place.source).relative_to(verdict.parent)
            found = (str(name), str(place.line), str(place.column))
            return "" if found == wanted.groups() else f"expected {wanted[0]}: {error}"
        return f"accepted, expected {text}"

    verdicts = sorted((corpora("wit-parser-ui") / "parse-fail").glob("*.wit.result"))
    cases = [(f"wit-parser-ui/parse-fail/{without_suffix(path)}", path) for path in verdicts]
    assert run("wit-parser-ui", cases, check, score) >= 153


def resolves(path: Path) -> str:
    """Whether it resolves, with and without its unstable parts, and prints to what reads back."""
    try:
        resolve(path)
        return round_trip(path)
    except (Malformed, Invalid) as error:
        return str(error)


def round_trip(*paths: Path) -> str:
    """Print the last of some packages, with all it needs, and read it again: the same text."""
    first = resolve(paths, all_features=True)
    text = print_package(first, first.main, dependencies(first, first.main))
    second = resolve({"printed.wit": text}, all_features=True)
    again = print_package(second, second.main, dependencies(second, second.main))
    return "" if text == again else f"prints differently the second time:\n{text}\n{again}"


def packages(folder: Path) -> list[Path]:
    """Files and folders of a suite that are packages."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".wit":
            found.append(path)
        elif path.is_dir():
            found.append(path / "wit" if (path / "wit").is_dir() else path)
    return found


def test_all_inputs_of_bindings_generators_resolve(score: Score) -> None:
    suite = "wit-bindgen-codegen"
    cases = [(str(path.relative_to(corpora(suite))), path) for path in packages(corpora(suite))]
    assert run(suite, cases, resolves, score) >= 101


def test_all_inputs_of_the_encoder_resolve(score: Score) -> None:
    suite = "wit-component-encoding"
    root = corpora(suite)
    paths = [path for part in ("interfaces", "targets", "wit") for path in packages(root / part)]
    cases = [(f"{suite}/{path.relative_to(root)}", path) for path in paths]
    assert run(suite, cases, resolves, score) >= 46


def test_packages_print_as_elsewhere() -> None:
    printed, wrong = 0, []
    for path in packages(corpora("wit-component-encoding") / "interfaces"):
        resolved = resolve(path, all_features=True)
        texts = [print_package(resolved, id) for id in resolved.package_names.values()]
        beside = path.with_name(f"{path.name}.print")
        for verdict in [beside] if path.is_file() else sorted(path.glob("*.print")):
            printed += 1
            if verdict.read_text() not in texts:
                wrong.append(str(verdict))
    assert wrong == []
    assert printed >= 41


def test_all_of_wasi_resolves(score: Score) -> None:
    root = corpora("wasi-wit")

    def check(folder: Path) -> str:
        release = folder.parent.parent if folder.name == "wit" else folder.parent
        beside = sorted(release.glob("*/wit")) if release.name.startswith("wasi-0.") else []
        paths = [*(path for path in beside if path != folder), folder]
        try:
            resolve(paths)
            return round_trip(*paths)
        except Error as error:
            return str(error)

    folders = {path.parent for path in root.rglob("*.wit") if "deps" not in path.parts}
    folders -= {path for path in folders if path.parent in folders}  # parts of a package
    cases = []
    for folder in sorted(folders):
        name = folder.parent if folder.name == "wit" else folder
        cases.append((f"wasi-wit/{name.relative_to(root)}", folder))
    assert run("wasi-wit", cases, check, score) >= 28
