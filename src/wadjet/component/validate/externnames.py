"""What imports and exports may be called (Explainer.md, "Import and Export Definitions"; the notes
of Binary.md).
"""

from wadjet.base.errors import Invalid
from wadjet.component.closed import Extern, InstanceShape
from wadjet.component.names import Name, check_version, parse_name
from wadjet.component.types import Borrow, Defined, ExternName, FuncType, Own, ResourceType, Result
from wadjet.component.validate.scope import Names, Session


def check_name(
    session: Session, names: Names, kind: str, given: ExternName, extern: Extern, place: int
) -> None:
    """Check the name of an import or export (which, `kind` says) beside those there are, and
    enter it among them."""
    text = given.name
    try:
        name = parse_name(text, session.features)
    except Invalid as error:
        session.fail(f"{kind} name `{text}` is not a valid extern name: {error.message}", place)
    _check_attributes(session, given, name, extern, place)
    try:
        suffix = given.attribute("versionsuffix")
        if name.version is not None:
            check_version(name.version, suffix, session.features)
        elif suffix is not None:
            raise Invalid("a versionsuffix needs a version before it")
        _check_annotation(names, name, extern)
    except Invalid as error:
        session.fail(f"{kind} name `{text}` is not valid: {error.message}", place)
    before = names.keys.setdefault(name.key, text)
    if text in names.externs or before is not text:
        session.fail(f"{kind} name `{text}` conflicts with previous name `{before}`", place)


def _check_attributes(
    session: Session, given: ExternName, name: Name, extern: Extern, place: int
) -> None:
    kinds = [a.kind for a in given.attributes]
    for kind in kinds:
        if kinds.count(kind) > 1:
            session.fail(f"duplicate '{kind}' option in name", place)
        canonical = kind == "versionsuffix"
        session.require("cm-canonical-names" if canonical else "cm-implements", f"`{kind}`", place)
    implements = given.attribute("implements")
    if implements is None:
        return
    if name.kind != "label":
        session.fail(f"name `{given.name}` is not valid with `implements`", place)
    if not isinstance(extern, InstanceShape):
        session.fail("only instances can have an `implements`", place)
    try:
        interface = parse_name(implements, session.features)
        if interface.version is not None:
            check_version(interface.version, None, session.features)
    except Invalid as error:
        session.fail(f"`{implements}` is not a valid name: {error.message}", place)
    if interface.kind != "interface":
        session.fail(f"name `{implements}` must be an interface", place)


def _check_annotation(names: Names, name: Name, extern: Extern) -> None:
    """Constructors, methods and static functions belong to a resource of the same scope."""
    if name.kind in ("label", "interface"):
        return
    if not isinstance(extern, FuncType):
        raise Invalid("item is not a func")
    if name.kind == "constructor":
        _check_resource(names, name, _constructed(extern))
    elif name.kind == "method":
        _check_resource(names, name, _receiver(extern))
    elif name.resource not in names.labels:
        raise Invalid("static resource name is not known in this context")


def _constructed(t: FuncType) -> ResourceType:
    """What a constructor makes."""
    if t.is_async:
        raise Invalid("constructor function cannot be async")
    made = t.result
    if made is None:
        raise Invalid("function should return one value")
    if isinstance(made, Defined) and isinstance(made.shape, Result):
        made = made.shape.ok
    if isinstance(made, Defined) and isinstance(made.shape, Own):
        assert isinstance(made.shape.resource, ResourceType)
        return made.shape.resource
    raise Invalid("function should return `(own $T)` or `(result (own $T))`")


def _receiver(t: FuncType) -> ResourceType:
    """What a method is called on."""
    if not t.params:
        raise Invalid("function should have at least one argument")
    label, first = t.params[0]
    if label != "self":
        raise Invalid("function should have a first argument called `self`")
    if isinstance(first, Defined) and isinstance(first.shape, Borrow):
        assert isinstance(first.shape.resource, ResourceType)
        return first.shape.resource
    raise Invalid("function should take a first argument of `(borrow $T)`")


def _check_resource(names: Names, name: Name, resource: ResourceType) -> None:
    called = names.resources.get(resource)
    if called is None:
        raise Invalid("resource used in function does not have a name in this context")
    if called != name.resource:
        raise Invalid(f"function does not match expected resource name `{called}`")
