"""The component model's features by name, beside those of core WebAssembly.

What the standard gates behind a sign (Explainer.md, "Gated Features") has a name here, so that one
feature set speaks of modules and components alike. Reading never depends on these names: bytes
and text of every gated construct are understood, and validation rejects what is off.
"""

from typing import Final

from wadjet.core import features as core
from wadjet.core.features import Features

#: name → (the edition it came with, or "gated"; one line)
CATALOGUE: Final[dict[str, tuple[str, str]]] = {
    "cm-async": ("0.3.0", "async functions, streams, futures, waitables"),
    "cm-map": ("0.3.1", "the type map"),
    "cm-implements": ("0.3.1", "implements and external-id on imports and exports"),
    "cm-values": ("gated", "values and start functions of components"),
    "cm-nested-names": ("gated", "nested namespaces and packages in interface names"),
    "cm-more-async-builtins": ("gated", "async and sync forms of more built-in functions"),
    "cm-async-stackful": ("gated", "async lifting without a callback"),
    "cm-threads": ("gated", "cooperative threads"),
    "cm-shared-threads": ("gated", "threads that run in parallel"),
    "cm-fixed-length-lists": ("gated", "lists whose length is part of their type"),
    "cm-error-context": ("gated", "the type error-context"),
    "cm-canonical-names": ("gated", "canonical versions in interface names, versionsuffix"),
    "cm-memory64": ("gated", "the Canonical ABI on 64-bit memories and tables"),
}

_OWN: Final[Features] = frozenset(CATALOGUE)
_ON: Final[Features] = frozenset(n for n, (since, _) in CATALOGUE.items() if since != "gated")

DEFAULT: Final[Features] = core.DEFAULT | _ON
ALL: Final[Features] = core.ALL | _OWN


def parse_features(text: str, start: Features = DEFAULT) -> Features:
    """Read "cm-values,-cm-map,gc" as `wadjet.core.features.parse_features` does; the sets of core
    WebAssembly (wasm2 …) leave the component model's features as they are."""
    chosen = start
    for word in filter(None, (part.strip() for part in text.split(","))):
        name = word.removeprefix("-")
        if name in CATALOGUE:
            chosen = chosen - {name} if word.startswith("-") else chosen | {name}
        elif word in ("all", "default"):
            chosen = ALL if word == "all" else DEFAULT
        else:
            chosen = core.parse_features(word, chosen - _OWN) | chosen & _OWN
    return chosen
