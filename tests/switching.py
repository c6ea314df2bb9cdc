"""The tier that goes over to optimised code where chance has it: with which seeds tests run it.

    WADJET_SWITCHING=1,2,3 pytest tests/spec tests/programs tests/engine -k switching

runs everything there is for it, with these seeds. Otherwise there is one seed, and programs that
take long are left out.
"""

import os
from typing import Final

_GIVEN: Final = os.environ.get("WADJET_SWITCHING", "")
#: Tiers for what is quick, and for what is not.
SWITCHING: Final = tuple(f"switching:{seed}" for seed in (_GIVEN or "1").split(","))
SWITCHING_LONG: Final = SWITCHING if _GIVEN else ()
