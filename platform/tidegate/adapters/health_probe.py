"""Asking an environment over HTTP whether it is well."""

import http.client
import threading
import urllib.error
import urllib.request
from concurrent.futures import Future
from urllib.parse import urlsplit

import msgspec

from tidegate.domain.switch import Health

_PATIENCE_S = 2.0
_LONGEST_ANSWER = 64 * 1024


class HttpProbe:
    """The `HealthProbe` port: an environment is well if it answers 200 in time.

    The engine waits for an answer as long as `patience_s` at most, however slowly an environment
    sends it; until that one has come to its end, it is not asked again.

    Args:
        patience_s: how long to wait for an answer, in seconds.
    """

    def __init__(self, patience_s: float = _PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._asked: dict[str, Future[Health]] = {}

    def ask(self, address: str) -> Health:
        """What a health address answers; see the port."""
        before = self._asked.get(address)
        if before is not None and not before.done():
            return Health(well=False, detail=f"{address} still has not answered in full")
        asked = self._asked[address] = Future()
        # A thread of its own, because the patience of a socket begins anew with every byte.
        threading.Thread(target=self._answer, args=(address, asked), daemon=True).start()
        try:
            return asked.result(self._patience_s)
        except TimeoutError:
            detail = f"{address} did not answer in full within {self._patience_s:g} s"
            return Health(well=False, detail=detail)

    def _answer(self, address: str, asked: "Future[Health]") -> None:
        try:
            asked.set_result(_asked_once(address, self._patience_s))
        except Exception as error:  # noqa: BLE001 - whoever asked gets it, or waits for ever
            asked.set_exception(error)


def _asked_once(address: str, patience_s: float) -> Health:
    try:
        if urlsplit(address).scheme not in ("http", "https"):
            return Health(well=False, detail=f"{address} is no address of HTTP")
        with urllib.request.urlopen(address, timeout=patience_s) as answer:  # noqa: S310 - the scheme was looked at
            return _health(answer.status, answer.read(_LONGEST_ANSWER))
    except urllib.error.HTTPError as error:
        return Health(well=False, detail=f"{address} answered {error.code}")
    except (OSError, http.client.HTTPException) as error:
        return Health(well=False, detail=f"{address} gave no answer: {error}")
    except ValueError as error:
        # Text that is no address: it must not keep the engine from looking at other agents.
        return Health(well=False, detail=f"{address!r} is no address that can be asked: {error}")


def _health(status: int, body: bytes) -> Health:
    if status != http.client.OK:
        return Health(well=False, detail=f"answered {status}")
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        answer = None
    version = answer.get("version") if isinstance(answer, dict) else None
    return Health(well=True, version=version if isinstance(version, str) else None)
