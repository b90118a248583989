"""Service, engine and dashboard side by side until Ctrl-C."""

import importlib.util
import sys
import threading
from pathlib import Path

from rich.console import Console

from tidegate.demo import processes
from tidegate.demo.sample_manifest import SampleManifest
from tidegate.domain.errors import TidegateError


def run_until_interrupted(
    data_dir: Path, *, manifest: str | None, port: int, dashboard_port: int
) -> None:
    """Run the three, starting again what dies, until Ctrl-C."""
    console = Console(highlight=False, soft_wrap=True)
    repository = manifest or _demo_repository(data_dir, console)
    processes.require_free(port, "--port")
    processes.require_free(dashboard_port, "--dashboard-port")
    processes.end_with_children_on_sigterm()
    url = f"http://127.0.0.1:{port}"
    with (
        processes.service(data_dir, repository, port, poll_s=1.0) as service,
        _dashboard(data_dir, url, dashboard_port) as dashboard,
    ):
        processes.wait_until_ready(service, url)
        console.print(f"service    {url}  (API: {url}/docs)")
        console.print(f"manifest   {repository}")
        console.print(f"dashboard  [bold]http://127.0.0.1:{dashboard_port}[/]")
        console.print("Ctrl-C ends all of them.")
        for each in (service, dashboard):
            each.watch(console.print)
        _wait_for_interrupt(console)


def _wait_for_interrupt(console: Console) -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("\nending")


def _demo_repository(data_dir: Path, console: Console) -> str:
    remote = data_dir / "manifest.git"
    if not remote.exists():
        console.print(f"{remote} is not there yet: beginning one with agent support, version v1")
        data_dir.mkdir(parents=True, exist_ok=True)
        SampleManifest(data_dir, "support").begin("v1")
    return str(remote)


def _dashboard(data_dir: Path, url: str, port: int) -> processes.Watched:
    command = [sys.executable, "-m", "streamlit", "run", str(_dashboard_entry())]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
    command += ["--server.headless", "true", "--browser.gatherUsageStats", "false"]
    command += ["--client.toolbarMode", "minimal"]
    command += ["--theme.primaryColor", "#3a6fd8"]
    return processes.Watched("dashboard", [*command, "--", "--service", url], data_dir)


def _dashboard_entry() -> Path:
    """The page's entry: beside its package in a checkout, inside it in an installed wheel."""
    found = importlib.util.find_spec("tidegate_dashboards")
    if found is None or found.origin is None:
        raise TidegateError(
            "the dashboards are not installed; install the package tidegate as a whole"
        )
    package = Path(found.origin).parent
    inside = package / "app.py"
    return inside if inside.exists() else package.parent / "app.py"
