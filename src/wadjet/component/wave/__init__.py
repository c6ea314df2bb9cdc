"""WAVE: component values as text (the notation of `wasm-wave`, consistent with WIT).

    parse_value(text, type, forms)       text → value
    parse_call(text, find, forms)        `name(value, …)` → what the name means, values
    print_value(value, type, forms)      value → text

Types are closed. What values look like is for `forms` to say: `wadjet.canon.wave` has those of
Python.
"""

from wadjet.component.wave.forms import Forms
from wadjet.component.wave.parse import parse_call, parse_value
from wadjet.component.wave.printer import print_value

__all__ = ["Forms", "parse_call", "parse_value", "print_value"]
