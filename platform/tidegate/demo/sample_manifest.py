"""The demo's manifest repository: one agent, its versions, its metrics, and its release."""

import re
from pathlib import Path

from tidegate.adapters.git_manifest import GitManifest, create_bare
from tidegate.demo.sample_agent import sample_version
from tidegate.domain import manifest_files as files
from tidegate.domain.canary import Canary, Step
from tidegate.domain.commits import PlannedCommit
from tidegate.domain.errors import HeadMoved
from tidegate.domain.installation import Installation
from tidegate.domain.intent import AgentRelease, Strategy
from tidegate.domain.metrics import SAFETY_KINDS, Guardrail, Metrics

ENVIRONMENT = "production"
RELEASE_ENGINEER = ("Release Engineer", "release@example.invalid")
STEPS = (
    Step(set_weight="1%", min_units=2000),
    Step(set_weight="5%", min_units=2000),
    Step(set_weight="25%", min_units=2000),
    Step(set_weight="50%", certify=True),
    Step(set_weight="100%"),
)
"""The default canary: early steps ask for exposure and no harm, the last for certainty."""
GUARDRAILS = (
    *(Guardrail(name=name) for name in SAFETY_KINDS),
    Guardrail(name="goal", kind="outcome"),
)
_TRIES = 10


def manifest_name(version: str) -> str:
    """A version's name in the manifest: what may not stand in a file name becomes a dash."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", version).strip("-._")[:100]


class SampleManifest:
    """A bare remote, and a release engineer's clone of it.

    Args:
        folder: where both are made.
        agent: name of the agent.
        guardrails: names of the guardrails that may decide; all if None.
        salt: which units come first; left to each attempt if None.
    """

    def __init__(
        self,
        folder: Path,
        agent: str,
        guardrails: tuple[str, ...] | None = None,
        salt: str | None = None,
    ) -> None:
        self.remote = folder / "manifest.git"
        self.agent = agent
        self._strategy = Strategy(canary=Canary(steps=STEPS, guardrails=guardrails))
        self._salt = salt
        create_bare(self.remote)
        self._clone = GitManifest(
            folder / "release-engineer.git", str(self.remote), author=RELEASE_ENGINEER
        )

    def begin(self, version: str) -> str:
        """Make the first commit, with one version live; returns its id."""
        contents = {
            files.INSTALLATION_PATH: files.render(Installation(environments=(ENVIRONMENT,))),
            files.metrics_path(self.agent): files.render(
                Metrics(agent=self.agent, guardrails=GUARDRAILS)
            ),
        } | self._release_of(version)
        return self._commit(f"Begin with {self.agent} {version}", contents)

    def add_version(self, version: str) -> str:
        """Commit an agent version, not yet released; returns the commit's id."""
        return self._commit(f"Add {self.agent} {version}", self._version_files(version))

    def deploy(self, version: str) -> str:
        """Commit the INTENT that starts a canary of a version; returns the commit's id."""
        path = files.intent_path(ENVIRONMENT, self.agent)
        return self._commit(f"Deploy {self.agent} {version}", {path: self._intent_file(version)})

    def _release_of(self, version: str) -> dict[str, bytes]:
        return self._version_files(version) | {
            files.intent_path(ENVIRONMENT, self.agent): self._intent_file(version),
        }

    def _version_files(self, version: str) -> dict[str, bytes]:
        """The version's own file, and those that it pins."""
        made, pinned = sample_version(self.agent, version)
        return {files.version_path(self.agent, version): files.render(made)} | pinned

    def _intent_file(self, version: str) -> bytes:
        intent = AgentRelease(
            agent=self.agent, version=version, strategy=self._strategy, salt=self._salt
        )
        return files.render(intent)

    def _commit(self, message: str, contents: dict[str, bytes]) -> str:
        """Commit and push as a person would: when someone was first, fetch and try again."""
        for _ in range(_TRIES):
            self._clone.fetch()
            try:
                planned = PlannedCommit(message=message, contents=contents)
                return self._clone.publish(self._clone.head(), [planned])[-1]
            except HeadMoved:
                continue
        raise HeadMoved(f"{message}: others pushed first {_TRIES} times")
