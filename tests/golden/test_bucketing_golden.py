"""Golden vectors of the hash, from a second implementation; changing them moves units.

`python tests/golden/test_bucketing_golden.py` writes the file anew: a deliberate act, with a new
hash version.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tidegate_sdk import HASH_VERSION, PARTS, bucket

GOLDEN = Path(__file__).with_name("bucketing.json")
CASES = [
    ("", ""),
    ("", "user-1"),
    ("support:0d2f", ""),
    ("support:0d2f", "user-1"),
    ("support:0d2f", "user-2"),
    ("support:0d2e", "user-1"),
    ("Support:0d2f", "user-1"),
    ("support:0d2f", "User-1"),
    ("support:0d2f", "user-1 "),
    ("support:0d2f:user", "1"),
    ("a", "b"),
    ("a", "bc"),
    ("a", "bcd"),
    ("billing:9c1185a5c5e9", "00000000-0000-4000-8000-000000000000"),
    ("billing:9c1185a5c5e9", "ユーザー"),
    ("поддержка", "Jürgen Müller-Lüdenscheidt"),
    ("ramp", "user-67083"),
    ("ramp", "user-76204"),
    ("ramp", "user-643551"),
    ("emoji", "\N{FAMILY}\N{ZERO WIDTH JOINER}\N{PILE OF POO}"),
    ("controls", "tab\tline\nnull\0end"),
    ("long", "x" * 255),
    ("long", "0123456789" * 1000),
    ("\N{SNOWMAN}" * 50, "é" * 333),
]
_MASK = 0xFFFFFFFF


def test_golden_file_holds_the_vectors_of_the_hash_version_in_force() -> None:
    assert _golden() == {"hashVersion": HASH_VERSION, "vectors": _vectors()}


@pytest.mark.parametrize("number", range(len(CASES)))
def test_bucket_of_a_golden_vector_is_the_recorded_one(number: int) -> None:
    vector = _golden()["vectors"][number]
    assert bucket(vector["salt"], vector["unit"]) == vector["bucket"]


@pytest.mark.parametrize(
    ("data", "seed", "expected"),
    [
        pytest.param(b"", 0, 0x00000000, id="nothing"),
        pytest.param(b"", 1, 0x514E28B7, id="nothing, seed 1"),
        pytest.param(b"\x00\x00\x00\x00", 0, 0x2362F9DE, id="four zeros"),
        pytest.param(b"\xff\xff\xff\xff", 0, 0x76293B50, id="four times 255"),
        pytest.param(b"test", 0, 0xBA6BD213, id="test"),
        pytest.param(b"Hello, world!", 0, 0xC0363E43, id="thirteen bytes"),
        pytest.param(b"The quick brown fox jumps over the lazy dog", 0, 0x2E4FF723, id="fox"),
    ],
)
def test_second_implementation_at_published_vectors_is_murmur3(
    data: bytes, seed: int, expected: int
) -> None:
    assert _murmur3(data, seed) == expected


def test_both_implementations_on_texts_of_every_length_agree() -> None:
    for length in range(70):
        unit = "".join(chr(33 + (7 * length + i) % 90) for i in range(length))
        assert bucket("salt", unit) == _bucket("salt", unit)


@pytest.mark.parametrize("hash_seed", ["0", "1", "4294967295"])
def test_bucket_in_a_fresh_interpreter_with_another_hash_seed_is_the_same(hash_seed: str) -> None:
    program = (
        "import json, sys; from tidegate_sdk import bucket; "
        "print(json.dumps([bucket(*each) for each in json.load(sys.stdin)]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(CASES),
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout) == [bucket(*case) for case in CASES]


def _golden() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return loaded


def _vectors() -> list[dict[str, object]]:
    return [{"salt": salt, "unit": unit, "bucket": _bucket(salt, unit)} for salt, unit in CASES]


def _bucket(salt: str, unit: str) -> int:
    return _murmur3(f"{salt}:{unit}".encode(), 0) * PARTS // 2**32


def _murmur3(data: bytes, seed: int) -> int:
    """MurmurHash3_x86_32, written from Austin Appleby's public-domain description."""
    state = seed
    whole = len(data) - len(data) % 4
    for start in range(0, whole, 4):
        state ^= _scrambled(int.from_bytes(data[start : start + 4], "little"))
        state = (_rotated(state, 13) * 5 + 0xE6546B64) & _MASK
    state ^= _scrambled(int.from_bytes(data[whole:], "little"))
    state ^= len(data)
    state = ((state ^ state >> 16) * 0x85EBCA6B) & _MASK
    state = ((state ^ state >> 13) * 0xC2B2AE35) & _MASK
    return state ^ state >> 16


def _scrambled(block: int) -> int:
    return _rotated((block * 0xCC9E2D51) & _MASK, 15) * 0x1B873593 & _MASK


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) & _MASK


if __name__ == "__main__":
    made = {"hashVersion": HASH_VERSION, "vectors": _vectors()}
    GOLDEN.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
