"""The course of a demo: begin, deploy, drive traffic, watch until it is decided, report."""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from tidegate.demo import processes, report
from tidegate.demo.cases import Cases, Outcome, recorded, simulated
from tidegate.demo.clients import Shift
from tidegate.demo.progress import Progress
from tidegate.demo.sample_manifest import GUARDRAILS, SampleManifest, manifest_name
from tidegate.demo.workspace import fresh_workspace
from tidegate.domain.errors import InvalidRuns
from tidegate_sdk import Client

_CLIENTS = 2
_POLL_S = 0.5
_WATCH_S = 0.2
_SETTLE_WITHIN_S = 10.0
_READ_BACK_UNITS = 200
_SIMULATED_PACE = 400.0
_RATES = {
    "v1": {Outcome.GOAL: 0.62, Outcome.PROMPT_INJECTION: 0.02, Outcome.ERROR: 0.01},
    "v2": {Outcome.GOAL: 0.64, Outcome.PROMPT_INJECTION: 0.14, Outcome.ERROR: 0.01},
    "v3": {Outcome.GOAL: 0.70, Outcome.PROMPT_INJECTION: 0.004, Outcome.ERROR: 0.004},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a demo shall show; see `tidegate demo --help`."""

    runs: Path | None
    baseline: str
    candidate: str
    units: int
    seed: int
    guardrails: tuple[str, ...] | None
    data_dir: Path | None
    port: int | None
    pace: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Who is on stage: the agent, the live version, and the releases in their order."""

    agent: str
    live: str
    releases: list[str]
    cases: Cases
    pace: float


def tell(plan: Plan, *, as_json: bool) -> None:
    """Run a demo and report it."""
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    script = _script(plan)
    folder = fresh_workspace(plan.data_dir) if plan.data_dir else _temporary()
    manifest = SampleManifest(folder, script.agent, _deciding(plan), salt=f"demo-{plan.seed}")
    manifest.begin(script.live)
    console.print(f"manifest repository  {manifest.remote}")
    port = plan.port or processes.free_port()
    processes.require_free(port, "--port")
    processes.end_with_children_on_sigterm()
    with processes.service(folder, str(manifest.remote), port, poll_s=_POLL_S) as service:
        url = f"http://127.0.0.1:{port}"
        processes.wait_until_ready(service, url)
        service.watch(lambda message: console.print(f"   {message}"))
        console.print(f"service              {url}, process {service.pid}, log {service.log_path}")
        stage = Stage(
            script=script,
            units=plan.units,
            manifest=manifest,
            service=service,
            url=url,
            folder=folder,
            console=console,
        )
        results = [
            stage.release(version, first=number * plan.units)
            for number, version in enumerate(script.releases)
        ]
    report.print_closing(console, folder)
    if as_json:
        report.print_json(results)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A running service with traffic to drive at it."""

    script: Script
    units: int
    manifest: SampleManifest
    service: processes.Watched
    url: str
    folder: Path
    console: Console

    def release(self, version: str, *, first: int) -> dict[str, Any]:
        """Release one version, from its deploy to its end; the object that `--json` prints."""
        before = self.manifest.add_version(version)
        deploy = self.manifest.deploy(version)
        self.console.print(
            f"[bold]Release of {version}[/]: deployed over {self.script.live}, {deploy[:12]}; "
            f"{_CLIENTS} client processes ask and report"
        )
        with Client(self.url) as client:
            rollout = self._begun(client, deploy, version)
            clients = self._start_clients(first)
            try:
                self._watch(client, rollout, clients)
            finally:
                processes.end_all(clients)
            detail = client.get(f"/v1/rollouts/{rollout}")
            read_back = self._read_back(client)
        result = report.result_of(detail, self.manifest.remote, deploy)
        commits = report.commits_since(self.manifest.remote, before)
        report.print_result(self.console, detail, result, read_back, commits)
        return result

    def _begun(self, client: Client, deploy: str, version: str) -> str:
        """The id of the rollout that a deploy has begun, once the engine has begun it."""
        give_up_at = time.monotonic() + _SETTLE_WITHIN_S
        while time.monotonic() < give_up_at:
            for each in client.get("/v1/rollouts")["rollouts"]:
                if each["deploy_commit"] == deploy:
                    return str(each["id"])
            time.sleep(_WATCH_S / 4)
        raise processes.DidNotStart(f"{version} did not begin; see {self.service.log_path}")

    def _watch(self, client: Client, rollout: str, clients: list[subprocess.Popen[bytes]]) -> None:
        """Show the rollout until it has ended, or its traffic has."""
        with Progress(self.console) as progress:
            while True:
                detail = client.get(f"/v1/rollouts/{rollout}")
                progress.update(detail)
                if detail["rollout"]["phase"] not in ("Progressing", "Paused"):
                    return
                if all(each.poll() is not None for each in clients):
                    self._settle(client, rollout, progress)
                    return
                time.sleep(_WATCH_S)

    def _settle(self, client: Client, rollout: str, progress: Progress) -> None:
        """Traffic is over: give the engine time to look at the last of it."""
        give_up_at = time.monotonic() + _SETTLE_WITHIN_S
        while True:
            detail = client.get(f"/v1/rollouts/{rollout}")
            progress.update(detail)
            seen = detail["rollout"]["units"] >= detail["exposed_units"]
            ended = detail["rollout"]["phase"] not in ("Progressing", "Paused")
            if ended or seen or time.monotonic() > give_up_at:
                time.sleep(_POLL_S)  # one more look may be under way
                return
            time.sleep(_WATCH_S)

    def _start_clients(self, first: int) -> list[subprocess.Popen[bytes]]:
        return [self._start_client(first, number) for number in range(_CLIENTS)]

    def _start_client(self, first: int, number: int) -> subprocess.Popen[bytes]:
        shift = Shift(
            url=self.url,
            agent=self.script.agent,
            cases=self.script.cases,
            first=first + number,
            last=first + self.units,
            stride=_CLIENTS,
            pace=self.script.pace / _CLIENTS,
        )
        path = self.folder / f"client-{number}.json"
        path.write_bytes(msgspec.json.encode(shift))
        command = [sys.executable, "-m", "tidegate.demo.clients", str(path)]
        with (self.folder / f"client-{number}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def _read_back(self, client: Client) -> dict[str, int]:
        """How many of some fresh units are served each version now."""
        served: dict[str, int] = {}
        for number in range(_READ_BACK_UNITS):
            version = client.assign(self.script.agent, f"read-back-{number}", expose=False)[
                "version"
            ]
            served[version] = served.get(version, 0) + 1
        return served


def _script(plan: Plan) -> Script:
    if plan.runs is None:
        cases = simulated(_RATES, plan.seed)
        pace = _SIMULATED_PACE if plan.pace is None else plan.pace
        return Script(agent="support", live="v1", releases=["v2", "v3"], cases=cases, pace=pace)
    live, candidate = manifest_name(plan.baseline), manifest_name(plan.candidate)
    if candidate == live:
        candidate = f"{live}-again"
    versions = {live: plan.baseline, candidate: plan.candidate}
    return Script(
        agent="assistant",
        live=live,
        releases=[candidate],
        cases=recorded(plan.runs, versions, plan.seed),
        pace=plan.pace or 0.0,
    )


def _deciding(plan: Plan) -> tuple[str, ...] | None:
    known = [guardrail.name for guardrail in GUARDRAILS]
    unknown = sorted(set(plan.guardrails or ()) - set(known))
    if unknown:
        raise InvalidRuns(f"--guardrails names {unknown}; the demo's agent has {known}")
    return plan.guardrails


def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="tidegate-demo-"))
