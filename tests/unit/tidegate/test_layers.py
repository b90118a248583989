"""Layers and holdouts as people write them."""

from typing import Any

import msgspec
import pytest

from tidegate.domain.errors import InvalidManifest
from tidegate.domain.layer import Holdout, Layer, LayerSlot, check_exclusion, layer_slice
from tidegate_sdk.allocation import Slice

SLOT = LayerSlot(name="checkout", range=("0%", "30%"))


def test_slot_is_a_slice_of_its_layer() -> None:
    assert layer_slice("p", SLOT, {"checkout": Layer()}) == Slice("layer:checkout", 0, 300_000)
    salted = {"checkout": Layer(salt="s"), "search": Layer()}
    assert layer_slice("p", SLOT, salted) == Slice("s", 0, 300_000)


def test_slot_of_a_layer_that_is_not_there_is_refused_with_its_file() -> None:
    with pytest.raises(InvalidManifest, match="'checkout' is not defined; defined are: search") as (
        refused
    ):
        layer_slice("envs/p/support.yaml", SLOT, {"search": Layer()})
    assert refused.value.path == "envs/p/support.yaml"


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        pytest.param({"range": ["30%", "30%"]}, "holds nobody; write [from, to]", id="empty"),
        pytest.param({"range": ["40%", "30%"]}, "range ['40%', '30%'] holds nobody", id="falling"),
        pytest.param({"range": [0, "130%"]}, "1300000 parts per million is outside", id="too far"),
        pytest.param({"range": ["10%"]}, "`$.range`", id="one end"),
        pytest.param({"range": [0, 1], "share": 1}, "unknown field `share`", id="unknown key"),
    ],
)  # fmt: skip
def test_slot_that_is_no_range_is_refused(raw: dict[str, Any], named: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert({"name": "checkout"} | raw, LayerSlot)
    assert named in str(refused.value)


def test_experiments_of_one_layer_that_overlap_are_refused_with_the_range_that_is_taken() -> None:
    slices = {
        "envs/p/b.yaml": Slice("layer:x", 290_000, 400_000),
        "envs/p/a.yaml": Slice("layer:x", 0, 300_000),
    }
    with pytest.raises(InvalidManifest, match=r"overlaps \[0%, 30%\] of envs/p/a.yaml") as refused:
        check_exclusion(slices)
    assert refused.value.path == "envs/p/b.yaml"


def test_experiments_that_share_no_bucket_or_no_layer_are_taken() -> None:
    check_exclusion({
        "a": Slice("layer:x", 0, 300_000),
        "b": Slice("layer:x", 300_000, 400_000),
        "c": Slice("layer:y", 0, 1_000_000),
    })  # fmt: skip


def test_holdout_is_the_first_units_by_a_salt_of_its_environment() -> None:
    assert Holdout(share="2%").slice("production") == Slice("holdout:production", 0, 20_000)
    assert Holdout(share=7, salt="s").slice("production") == Slice("s", 0, 7)


def test_holdout_of_no_share_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="'some' is no share"):
        msgspec.convert({"share": "some"}, Holdout)
