"""What all instances of one component share: code of its modules, code for its values."""

from typing import Final, final

from wadjet.canon.classes import Classes
from wadjet.canon.codec import Codec
from wadjet.canon.forms import Forms
from wadjet.canon.lifting import Lifting
from wadjet.canon.lowering import Lowering
from wadjet.component.plan import MakeModule, Plan
from wadjet.core.types import NumType
from wadjet.core.validate import ValidModule
from wadjet.engine.runtime.code import ModuleCode
from wadjet.engine.tiers import compile_module


@final
class ModuleValue:
    """A core module that can be instantiated."""

    __slots__ = ("_codes", "source", "valid")

    def __init__(self, valid: ValidModule, source: bytes | None = None) -> None:
        self.valid: Final = valid
        self.source: Final = source
        self._codes: Final[dict[str, ModuleCode]] = {}

    def code(self, tier: str) -> ModuleCode:
        """Its code in a tier."""
        found = self._codes.get(tier)
        if found is None:
            found = self._codes[tier] = compile_module(self.valid, tier, self.source)
        return found


@final
class Program:
    """A component made ready for one tier. `classes` are those of its types in Python."""

    __slots__ = ("_children", "_codecs", "_modules", "classes", "plan", "tier")

    def __init__(self, plan: Plan, tier: str, classes: Classes | None = None) -> None:
        self.plan: Final = plan
        self.tier: Final = tier
        self.classes: Final = Classes(plan.valid.shape) if classes is None else classes
        self._codecs: Final[dict[tuple[NumType, str], Coder]] = {}
        self._modules: Final[dict[MakeModule, ModuleValue]] = {}
        self._children: Final[dict[Plan, Program]] = {}

    @classmethod
    def of(cls, plan: Plan, tier: str, classes: Classes | None = None) -> "Program":
        """The program of a plan, the same as long as the plan is there."""
        found = plan.programs.get((tier, classes))
        if found is None:
            found = plan.programs[tier, classes] = cls(plan, tier, classes)
        assert isinstance(found, cls)
        return found

    def module(self, step: MakeModule) -> ModuleValue:
        """A module that is written in the component."""
        found = self._modules.get(step)
        if found is None:
            found = self._modules[step] = ModuleValue(step.valid, step.source)
        return found

    def child(self, plan: Plan) -> "Program":
        """A component that is written in the component."""
        found = self._children.get(plan)
        if found is None:
            found = self._children[plan] = Program(plan, self.tier)
        return found

    def coder(self, ptr: NumType, encoding: str) -> "Coder":
        """What writes code for values."""
        key = ptr, encoding
        found = self._codecs.get(key)
        if found is None:
            found = self._codecs[key] = Coder(Codec(Forms(self.classes), ptr, encoding))
        return found


@final
class Coder:
    """A codec with both directions."""

    __slots__ = ("codec", "lifting", "lowering")

    def __init__(self, codec: Codec) -> None:
        self.codec: Final = codec
        self.lifting: Final = Lifting(codec)
        self.lowering: Final = Lowering(codec)
