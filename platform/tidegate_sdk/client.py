"""A small blocking client: which version does this unit get, and what happened to it."""

import http.client
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import msgspec

from tidegate_sdk.errors import RequestRefused, ServiceUnreachable

_RETRIED_STATUSES = frozenset({429, 503})
_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


class Client:
    """One keep-alive connection to the service; use one client per thread.

    Every request is safe to repeat (assignments are deterministic, events carry an `event_id`), so
    a lost connection, a restart of the service, or an answer "overloaded" is retried with growing
    pauses until `patience_s` is over.

    Args:
        url: address of the service, such as "http://127.0.0.1:8080".
        patience_s: how long to retry before giving up, in seconds.
    """

    def __init__(self, url: str, *, patience_s: float = 30.0) -> None:
        parts = urlsplit(url)
        self._address = url
        self._patience_s = patience_s
        self._connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port or 80, timeout=10.0
        )

    def assign(self, agent: str, unit: str, *, expose: bool = True) -> dict[str, Any]:
        """Ask which version a unit gets.

        Args:
            agent: name of the agent.
            unit: the targeting key, such as a user or session id.
            expose: whether the service records that the unit meets the version. Pass False only
                where you send the `exposure` event yourself.

        Raises:
            ServiceUnreachable: no answer within the patience.
            RequestRefused: unknown agent, or a missing unit.
        """
        return self._request(
            "POST", "/v1/assignments", {"agent": agent, "unit": unit, "expose": expose}
        )

    def send(self, events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Store a batch of events durably; repeating a batch stores nothing twice.

        Returns:
            Counts `accepted`, `duplicate` and `rejected`, and `rejections` with index and reason.

        Raises:
            ServiceUnreachable: no answer within the patience; nothing is known to be stored.
            RequestRefused: the batch as a whole was refused.
        """
        return self._request("POST", "/v1/events", list(events))

    def get(self, path: str) -> dict[str, Any]:
        """Read one resource of the API, such as "/v1/rollouts"."""
        return self._request("GET", quote(path, safe="/?=&%"), None)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _request(self, method: str, path: str, body: object) -> dict[str, Any]:
        payload = None if body is None else msgspec.json.encode(body)
        give_up_at = time.monotonic() + self._patience_s
        pause_s = _PAUSE_S
        while True:
            try:
                return self._once(method, path, payload)
            except (OSError, http.client.HTTPException, RequestRefused) as error:
                self._connection.close()
                if isinstance(error, RequestRefused) and error.status not in _RETRIED_STATUSES:
                    raise
                if time.monotonic() + pause_s > give_up_at:
                    raise ServiceUnreachable(self._address, self._patience_s, error) from error
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _once(self, method: str, path: str, payload: bytes | None) -> dict[str, Any]:
        headers = {} if payload is None else {"Content-Type": "application/json"}
        self._connection.request(method, path, body=payload, headers=headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != http.client.OK:
            raise RequestRefused(response.status, _message_of(answer))
        decoded: dict[str, Any] = msgspec.json.decode(answer)
        return decoded


def _message_of(answer: bytes) -> str:
    try:
        return str(msgspec.json.decode(answer)["error"]["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return answer[:200].decode(errors="replace")
