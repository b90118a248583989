"""Asking an environment over HTTP whether it is well."""

import http.client
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import msgspec

from tidegate.domain.switch import Health

_PATIENCE_S = 2.0
_LONGEST_ANSWER = 64 * 1024


class HttpProbe:
    """The `HealthProbe` port: an environment is well if it answers 200 in time.

    Args:
        patience_s: how long to wait for an answer, in seconds.
    """

    def __init__(self, patience_s: float = _PATIENCE_S) -> None:
        self._patience_s = patience_s

    def ask(self, address: str) -> Health:
        """What a health address answers; see the port."""
        if urlsplit(address).scheme not in ("http", "https"):
            return Health(well=False, detail=f"{address} is no address of HTTP")
        try:
            with urllib.request.urlopen(address, timeout=self._patience_s) as answer:  # noqa: S310 - the scheme was looked at
                return _health(answer.status, answer.read(_LONGEST_ANSWER))
        except urllib.error.HTTPError as error:
            return Health(well=False, detail=f"{address} answered {error.code}")
        except (OSError, http.client.HTTPException) as error:
            return Health(well=False, detail=f"{address} gave no answer: {error}")


def _health(status: int, body: bytes) -> Health:
    if status != http.client.OK:
        return Health(well=False, detail=f"answered {status}")
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        answer = None
    version = answer.get("version") if isinstance(answer, dict) else None
    return Health(well=True, version=version if isinstance(version, str) else None)
