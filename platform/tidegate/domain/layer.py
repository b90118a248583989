"""Layers, in which experiments exclude one another, and holdouts, which no rollout touches."""

from collections.abc import Mapping
from itertools import combinations

from tidegate.domain import quantities
from tidegate.domain.document import Document
from tidegate.domain.errors import InvalidManifest
from tidegate_sdk.allocation import Slice


class Layer(Document, frozen=True, kw_only=True):
    """A layer of the manifest: experiments in it share no unit.

    Attributes:
        salt: which units fall where; "layer:" and the layer's name if not given.
    """

    salt: str | None = None


class LayerSlot(Document, frozen=True, kw_only=True):
    """The part of a layer that an experiment uses, such as `{name: checkout, range: [0%, 30%]}`.

    Attributes:
        name: the layer.
        range: from and to, each "30%" or an integer in parts per million; `to` is not included.
    """

    name: str
    range: tuple[int | str, int | str]

    def __post_init__(self) -> None:
        start, stop = self.bounds_ppm
        if start >= stop:
            raise ValueError(f"range {list(self.range)} holds nobody; write [from, to], rising")

    @property
    def bounds_ppm(self) -> tuple[int, int]:
        """The range in parts per million."""
        start, stop = self.range
        return quantities.share_ppm(start), quantities.share_ppm(stop)


class Holdout(Document, frozen=True, kw_only=True):
    """Units of an environment that take part in no rollout, so that all of them can be judged.

    Attributes:
        share: how many, "2%" or an integer in parts per million.
        salt: which units; "holdout:" and the environment's name if not given.
    """

    share: int | str
    salt: str | None = None

    def __post_init__(self) -> None:
        quantities.share_ppm(self.share)

    def slice(self, environment: str) -> Slice:
        """The units that are held out in an environment."""
        salt = f"holdout:{environment}" if self.salt is None else self.salt
        return Slice(salt, 0, quantities.share_ppm(self.share))


def layer_slice(path: str, slot: LayerSlot, layers: Mapping[str, Layer]) -> Slice:
    """The units that an experiment may use.

    Args:
        path: the file that the slot stands in.
        slot: the part of a layer.
        layers: the layers of the manifest, by name.

    Raises:
        InvalidManifest: no such layer.
    """
    layer = layers.get(slot.name)
    if layer is None:
        known = ", ".join(sorted(layers)) or "none"
        raise InvalidManifest(path, f"layer {slot.name!r} is not defined; defined are: {known}")
    salt = f"layer:{slot.name}" if layer.salt is None else layer.salt
    return Slice(salt, *slot.bounds_ppm)


def check_exclusion(slices: Mapping[str, Slice]) -> None:
    """Refuse experiments of one layer that would share units.

    Args:
        slices: path of the experiment -> the part of its layer.

    Raises:
        InvalidManifest: two overlap; the later path is the one that is named.
    """
    for (one, first), (other, second) in combinations(sorted(slices.items()), 2):
        if first.overlaps(second):
            taken = f"[{quantities.percent(first.start)}, {quantities.percent(first.stop)}]"
            raise InvalidManifest(
                other, f"layer.range overlaps {taken} of {one}; choose a range that is free"
            )
