"""What all files of a manifest repository have in common."""

from typing import Final, Literal, TypeAlias

import msgspec

API_VERSION: Final = "tidegate/v1"
ApiVersion: TypeAlias = Literal["tidegate/v1"]


class Document(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """Base of all files: unknown keys are errors, keys are written in camelCase."""
