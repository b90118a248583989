"""Where a unit falls: one integer per (salt, unit), the same in every process and language.

This module lives in the SDK because both the SDK and the service evaluate locally and the SDK may
import nothing of the service. Changing anything here moves units between versions; the golden
vectors in `tests/golden/bucketing.json` are there to notice.
"""

from typing import Final

import mmh3

PARTS: Final = 1_000_000
"""Resolution of a traffic share: parts per million."""

HASH_VERSION: Final = "murmur3-32/1"
"""Name of this scheme, pinned in `tidegate.yaml`; another name would be another scheme."""


def bucket(salt: str, unit: str) -> int:
    """The bucket of a unit, an integer in [0, PARTS).

    murmur3 (x86, 32 bits, seed 0) of the UTF-8 bytes of "salt:unit", scaled to PARTS by integer
    arithmetic: (hash * PARTS) >> 32. There is no floating point, so every language agrees.

    Example:
        >>> bucket("support:0d2f", "user-1")
        316068
    """
    return (mmh3.hash(f"{salt}:{unit}", seed=0, signed=False) * PARTS) >> 32


def in_share(salt: str, unit: str, share_ppm: int) -> bool:
    """Whether a unit belongs to the first `share_ppm` parts per million of the population.

    Monotone: a unit inside a share is inside every larger share with the same salt.
    """
    return bucket(salt, unit) < share_ppm
