"""The ramp to begin with for each class of change: data, for documentation, `init` and `plan`.

The riskier the class, the fewer units meet the version before there is certainty. Where a change
cannot be taken back, each unit that meets it is spent, so certainty is asked for at 5 % already.
"""

from typing import Final

from tidegate.domain.canary import Step
from tidegate.domain.version_change import Risk
from tidegate.domain.version_diff import VersionDiff

_UNITS: Final = 2000
_SHORT: Final = (
    Step(set_weight="5%", min_units=_UNITS),
    Step(set_weight="25%", min_units=_UNITS),
    Step(set_weight="50%", certify=True),
    Step(set_weight="100%"),
)
_USUAL: Final = (Step(set_weight="1%", min_units=_UNITS), *_SHORT)
_CAREFUL: Final = (Step(set_weight="0.1%", min_units=_UNITS), *_USUAL)
_ONE_WAY: Final = (
    Step(set_weight="0.1%", min_units=_UNITS),
    Step(set_weight="1%", min_units=_UNITS),
    Step(set_weight="5%", certify=True),
    Step(set_weight="25%", certify=True),
    Step(set_weight="50%", certify=True),
    Step(set_weight="100%"),
)
DEFAULT_STEPS: Final[dict[Risk | None, tuple[Step, ...]]] = {
    None: _SHORT,
    "prompt-only": _SHORT,
    "tool-compatible": _SHORT,
    "memory-compatible": _USUAL,
    "model": _USUAL,
    "code": _USUAL,
    "tool-breaking": _CAREFUL,
    "memory-breaking": _CAREFUL,
    "memory-forward-only": _ONE_WAY,
}
"""By the worst class of a diff; None is a diff without changes."""


def default_steps(found: VersionDiff) -> tuple[Step, ...]:
    """The steps to begin with for a diff."""
    return DEFAULT_STEPS[found.risk]
