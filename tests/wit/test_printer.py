"""Packages as text: the canonical form, and reading it back."""

import json

from wadjet.wit import dependencies, print_package, resolve, to_json

CANONICAL = """\
/// of the package
package a:b@1.0.0-rc.1;

/// of i
@since(version = 0.1.0)
interface i {
  use c:d/e@2.0.0.{t as %list, u};
  @unstable(feature = x)
  use c:d/e@2.0.0.{t};
  use j.{v};

  /// of r
  ///
  /// more
  @since(version = 0.1.0)
  @deprecated(version = 0.2.0)
  @external-id("a \\"\\\\ ☃\\u{a0}\\n")
  record %record {
    /// of a
    a: %list,
    %type: option<tuple<u8, result<_, string>, result<u8>, result, result<u8, u16>>>,
  }

  variant w {
    x,
    y(list<u8, 4>),
  }

  enum e {
    a,
    b,
  }

  flags f {
    a,
    b,
  }

  resource r {
    constructor(a: u8);
    /// of m
    @unstable(feature = x)
    m: async func(a: borrow<r>) -> r;
    s: static async func() -> own-r;
    t: static func();
  }

  resource q {
    constructor() -> result<q>;
  }

  resource p;

  type own-r = own<r>;

  type also = r;

  type g = map<string, list<bool>>;

  type h = stream;

  type k = future<stream<future>>;

  func-of: func(%func: error-context, a: char) -> f64;

  another: async func();
}

interface j {
  type v = s32;
}

world w {
  import i;
  import other: i;
  import inline: interface {
    use i.{r};

    f: func(a: r);
  }
  import j;
  import c:d/e@2.0.0;
  use j.{v};

  resource r {
    constructor();
  }

  type t = list<v>;
  import f: func();

  @external-id("x")
  export g: func() -> t;
  /// of the export
  export i;
}
world empty {
}
package c:d@2.0.0 {
  interface e {
    type t = u8;

    type u = u16;
  }
}
"""


def test_the_canonical_form_is_its_own() -> None:
    found = resolve({"x.wit": CANONICAL}, all_features=True)
    text = print_package(found, found.main, dependencies(found, found.main))
    # a world lists all that it needs, and interfaces after those that they use
    assert text != CANONICAL
    again = resolve({"x.wit": text}, all_features=True)
    assert print_package(again, again.main, dependencies(again, again.main)) == text
    assert sorted(set(text.splitlines())) == sorted(set(CANONICAL.splitlines()))
    assert json.dumps(to_json(again)).count("docs") == json.dumps(to_json(found)).count("docs")


def test_several_packages_beside() -> None:
    found = resolve(
        {
            "x.wit": "package a:b; interface i { use c:d/e.{t}; use f:g/h.{t as u}; }",
            "deps/c.wit": "package c:d; interface e { use f:g/h.{t}; }",
            "deps/f.wit": "package f:g; interface h { type t = u8; }",
            "deps/z.wit": "package z:z; interface z {}",
        }
    )
    needed = dependencies(found, found.main)
    assert [str(found.packages[id].name) for id in needed] == ["f:g", "c:d"]
    assert print_package(found, found.main, needed) == (
        "package a:b;\n\ninterface i {\n  use c:d/e.{t};\n  use f:g/h.{t as u};\n}\n\n"
        "package f:g {\n  interface h {\n    type t = u8;\n  }\n}\n\n\n"
        "package c:d {\n  interface e {\n    use f:g/h.{t};\n  }\n}\n"
    )


def test_types_used_by_worlds_alone_are_needed() -> None:
    found = resolve(
        {
            "x.wit": "package a:b; world w { use c:d/e.{t}; export f: func(a: t); }",
            "deps/c.wit": "package c:d; interface e { type t = u8; }",
        }
    )
    assert len(dependencies(found, found.main)) == 1


def test_empty_resources_and_packages() -> None:
    found = resolve({"x.wit": "package a:b; interface i { resource r {} }"})
    assert print_package(found, found.main) == "package a:b;\n\ninterface i {\n  resource r;\n}\n\n"
    nothing = resolve({"x.wit": "package a:b:c/d@1.0.0;"})
    assert print_package(nothing, nothing.main) == "package a:b:c/d@1.0.0;\n\n"
