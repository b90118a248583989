"""The service's answers over HTTP, as the plain values that came."""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Literal, TypedDict, cast


class ServiceError(Exception):
    """The service gave no usable answer.

    Attributes:
        url: what was asked for.
        reason: what happened instead, for people.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.reason = reason


class ServiceUnreachable(ServiceError):
    """No answer came at all."""


class AnswerUnusable(ServiceError):
    """An answer came, and it is an error, or not what the API promises.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, url: str, reason: str, status: int) -> None:
        super().__init__(url, reason)
        self.status = status


class Rollout(TypedDict):
    """A rollout at a glance; instants are ISO 8601, shares are parts per million."""

    id: str
    agent: str
    environment: str
    baseline: str
    candidate: str
    phase: str
    step: int
    share_ppm: int
    reason: str
    started_at: str
    ended_at: str | None
    units: int
    candidate_units: int
    revert_commit: str | None
    seconds_to_revert: float | None


class Step(TypedDict):
    """One step of a rollout's plan."""

    share_ppm: int
    min_units: int
    certify: bool


class Arm(TypedDict):
    """What happened to the units of one arm in one stage."""

    units: int
    incidents: dict[str, int]
    successes: dict[str, int]
    failures: dict[str, int]


class Stage(TypedDict):
    """One stage of constant share."""

    step: int
    share_ppm: int
    baseline: Arm
    candidate: Arm


class Evidence(TypedDict):
    """What is known about a rollout."""

    step: int
    stages: list[Stage]


class Tally(TypedDict):
    """k of n units."""

    k: int
    n: int


class Assessment(TypedDict):
    """What the evidence says about one deciding guardrail; logarithms are natural."""

    guardrail: str
    kind: Literal["incident", "outcome"]
    baseline: Tally
    candidate: Tally
    log_e_harm: float
    log_harm_threshold: float
    log_e_safe: float
    log_certify_threshold: float


class RolloutDetail(TypedDict):
    """A rollout with its evidence."""

    rollout: Rollout
    steps: list[Step]
    evidence: Evidence
    assessments: list[Assessment]
    exposed_units: int
    exposed_candidate_units: int


class Look(TypedDict):
    """One look of the engine at a rollout; logarithms are natural."""

    at: str
    step: int
    share_ppm: int
    units: int
    candidate_units: int
    log_e_values: dict[str, float]
    log_thresholds: dict[str, float]


class Decision(TypedDict):
    """One decision commit."""

    rollout: str
    commit: str
    verdict: str
    rule: str
    reason: str
    guardrail: str | None
    step: int
    decided_at: str
    reverts: str | None


class Override(TypedDict):
    """An emergency stop that git does not know yet."""

    rollout: str
    reason: str
    at: str


class Drift(TypedDict):
    """Where what is served differs from the repository's head."""

    environment: str
    head: str | None
    served: str | None
    problems: dict[str, str]
    overrides: dict[str, Override]


class ServiceClient:
    """Reads a running service.

    Args:
        url: its address, such as http://127.0.0.1:8080.
        timeout_s: seconds to wait for one answer.
    """

    def __init__(self, url: str, *, timeout_s: float = 5.0) -> None:
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s

    def rollouts(self) -> list[Rollout]:
        """Every rollout, newest first."""
        return cast("list[Rollout]", self._read("/v1/rollouts", "rollouts"))

    def rollout(self, rollout: str) -> RolloutDetail:
        """One rollout with its evidence."""
        return cast("RolloutDetail", self._read(f"/v1/rollouts/{_quoted(rollout)}"))

    def looks(self, rollout: str) -> list[Look]:
        """The engine's looks at a rollout, oldest first."""
        path = f"/v1/rollouts/{_quoted(rollout)}/evidence"
        return cast("list[Look]", self._read(path, "looks"))

    def decisions(self, rollout: str) -> list[Decision]:
        """A rollout's decision commits, oldest first."""
        path = f"/v1/decisions?rollout={_quoted(rollout)}"
        return cast("list[Decision]", self._read(path, "decisions"))

    def drift(self) -> Drift:
        """Where what is served differs from the repository's head, and why."""
        return cast("Drift", self._read("/v1/drift"))

    def commit_url(self, commit: str) -> str:
        """Where a browser reads a commit as `git show` prints it."""
        return f"{self.url}/v1/commits/{_quoted(commit)}"

    def _read(self, path: str, member: str | None = None) -> Any:
        url = self.url + path
        try:
            answer = json.loads(self._get(url))
            return answer if member is None else answer[member]
        except (ValueError, KeyError, TypeError) as error:
            raise AnswerUnusable(
                url, f"the answer is not what the API promises: {error}", 200
            ) from error

    def _get(self, url: str) -> bytes:
        """The body of an answer.

        Raises:
            ServiceUnreachable: nobody answered in time.
            AnswerUnusable: the answer is an error.
        """
        try:
            with urllib.request.urlopen(url, timeout=self._timeout_s) as response:  # noqa: S310
                return cast("bytes", response.read())
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(500).decode(errors="replace")
            raise AnswerUnusable(url, f"HTTP {error.code}: {said}", error.code) from error
        except urllib.error.URLError as error:
            raise ServiceUnreachable(url, _plain(error.reason)) from error
        except (OSError, http.client.HTTPException) as error:
            raise ServiceUnreachable(url, _plain(error)) from error


def _quoted(part: str) -> str:
    return urllib.parse.quote(part, safe="")


def _plain(reason: object) -> str:
    """An error as one phrase, without its number."""
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.lower()
    return str(reason)
