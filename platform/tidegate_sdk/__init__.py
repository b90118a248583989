"""The client side of Tidegate: ask which version a unit gets, and say what happened."""

from tidegate_sdk.bucketing import HASH_VERSION, PARTS, bucket, in_share
from tidegate_sdk.client import Client
from tidegate_sdk.errors import RequestRefused, ServiceUnreachable, TidegateClientError

__all__ = [
    "HASH_VERSION",
    "PARTS",
    "Client",
    "RequestRefused",
    "ServiceUnreachable",
    "TidegateClientError",
    "bucket",
    "in_share",
]
