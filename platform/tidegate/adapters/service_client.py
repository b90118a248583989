"""Asks a running service what it serves."""

import urllib.error
import urllib.request
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tidegate.domain.errors import ServiceSilent

_TIMEOUT_S: Final = 10.0


def ask(address: str, path: str) -> dict[str, Any]:
    """The service's answer to a GET.

    Args:
        address: such as "http://127.0.0.1:8080".
        path: such as "/v1/drift".

    Raises:
        ServiceSilent: no answer, or no JSON object.
    """
    if urlsplit(address).scheme not in ("http", "https"):
        raise ServiceSilent(
            f"{address!r} is no address of a service, such as http://127.0.0.1:8080"
        )
    url = address.rstrip("/") + path
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - checked above
            return msgspec.json.decode(answer.read(), type=dict[str, Any])
    except (OSError, urllib.error.HTTPError) as error:
        reason = getattr(error, "reason", error)
        raise ServiceSilent(f"{url} gives no answer: {reason}; is the service running?") from error
    except msgspec.DecodeError as error:
        raise ServiceSilent(f"{url} answers with no JSON object; is it a Tidegate?") from error
