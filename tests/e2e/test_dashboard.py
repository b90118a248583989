"""The dashboard in a real browser, on the real service, with the data of a real demo."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

APP = Path(__file__).parents[2] / "dashboards" / "app.py"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_WITHIN_S = 90.0
SHOWN_WITHIN_MS = 30_000
GUARDRAILS = ("prompt injection", "unexpected tool", "error", "goal")


@dataclass
class Visit:
    """A page that a browser opened, and what it complained about meanwhile."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def watch(self) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "request", lambda request: self.hosts.add(urlsplit(request.url).hostname or "")
        )
        self.page.on(
            "console",
            lambda said: self.complaints.append(said.text) if said.type == "error" else None,
        )


@dataclass(frozen=True)
class Demo:
    """A finished demo: where its data are, and what it reported."""

    folder: Path
    rolled_back: dict[str, Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    with sync_playwright() as playwright:
        if found is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium here: install one, or run `playwright install chromium`")
        opened = playwright.chromium.launch(executable_path=found, args=BROWSER_ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def demo(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A harmful version that is rolled back, then a healthy one: about ten seconds of traffic."""
    assert browser.is_connected(), "a skipped browser must not cost a demo"
    folder = tmp_path_factory.mktemp("demo") / "data"
    command = [sys.executable, "-m", "tidegate", "demo", "--data-dir", str(folder)]
    finished = subprocess.run(
        [*command, "--units", "4500", "--pace", "0", "--json"],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    report = json.loads(finished.stdout.splitlines()[-1])
    return Demo(folder=folder, rolled_back=report["earlier"][0])


@pytest.fixture(scope="module")
def service(demo: Demo) -> Iterator[str]:
    port = _free_port()
    remote = demo.folder / "manifest.git"
    command = [sys.executable, "-m", "tidegate", "serve", "--data-dir", str(demo.folder)]
    command += ["--manifest", str(remote), "--port", str(port)]
    with _running(command, demo.folder / "serve.log", f"http://127.0.0.1:{port}/readyz"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def dashboard(service: str, demo: Demo) -> Iterator[str]:
    with _dashboard_for(service, demo.folder / "dashboard.log") as url:
        yield url


@pytest.fixture
def visit(browser: Browser, dashboard: str) -> Iterator[Visit]:
    """The newest rollout, as somebody sees it who opens the dashboard."""
    with _visited(browser, dashboard) as opened:
        yield opened


@pytest.fixture
def rolled_back(browser: Browser, dashboard: str, demo: Demo) -> Iterator[Visit]:
    """The rolled back rollout, by its address."""
    with _visited(browser, f"{dashboard}/?rollout={demo.rolled_back['rollout']}") as opened:
        yield opened


def test_the_newest_rollout_is_shown_with_its_phase_and_what_comes_next(visit: Visit) -> None:
    state = visit.page.get_by_test_id("stAlert").first
    expect(state).to_contain_text("support v3 over v1")
    expect(state).to_contain_text(re.compile("In progress|Promoted"))
    expect(state).to_contain_text(re.compile(r"Next: \d+%|Every unit is served v3"))


def test_a_rollback_says_at_once_what_happened_why_to_how_many_and_how_fast(
    rolled_back: Visit, demo: Demo
) -> None:
    state = rolled_back.page.get_by_test_id("stAlert").first
    expect(state).to_contain_text("Rolled back: support v2 over v1")
    expect(state).to_contain_text(demo.rolled_back["reason"])
    expect(_metric(rolled_back, "Candidate's share now")).to_contain_text("0%")
    met = _metric(rolled_back, "Units that met the candidate")
    expect(met).to_contain_text(f"{demo.rolled_back['candidate_units']:,}")
    seconds = _metric(rolled_back, "First harm to pushed revert")
    expect(seconds).to_contain_text(f"{demo.rolled_back['seconds_to_revert']:.1f} s")


def test_a_rollout_is_chosen_from_the_list_and_the_address_keeps_the_choice(visit: Visit) -> None:
    visit.page.get_by_text("support v2 over v1").click()
    expect(visit.page.get_by_test_id("stAlert").first).to_contain_text("Rolled back")
    visit.page.reload()
    expect(visit.page.get_by_test_id("stAlert").first).to_contain_text("Rolled back")


def test_the_share_is_drawn_with_its_steps_and_its_end(rolled_back: Visit) -> None:
    chart = _charts(rolled_back).nth(0)
    expect(chart.get_by_text("1%", exact=True).first).to_be_visible()
    expect(chart.get_by_text("rolled back", exact=True)).to_be_visible()


def test_each_guardrail_is_drawn_against_the_threshold_it_stops_at(rolled_back: Visit) -> None:
    chart = _charts(rolled_back).nth(1)
    expect(chart.get_by_text("stops at 80", exact=True)).to_be_visible()
    expect(chart.get_by_text(re.compile(r"^prompt injection \d"))).to_be_visible()
    for guardrail in GUARDRAILS:
        expect(chart.get_by_text(guardrail, exact=True)).to_be_visible()


def test_both_arms_are_compared_in_counts_and_rates(rolled_back: Visit, demo: Demo) -> None:
    k, n = demo.rolled_back["incidents"]["prompt_injection"]["candidate"]
    incidents, goals = _charts(rolled_back).nth(2), _charts(rolled_back).nth(3)
    expect(incidents.get_by_text(re.compile(rf"^{k} of {n:,} \("))).to_be_visible()
    expect(goals.get_by_text("goal", exact=True)).to_be_visible()
    table = rolled_back.page.get_by_test_id("stTable").first
    for guardrail in GUARDRAILS:
        expect(table.get_by_text(guardrail, exact=True)).to_be_visible()
    harmed = table.get_by_role("row").filter(has_text="prompt injection")
    expect(harmed).to_contain_text("harm")


def test_the_revert_is_recognisable_and_links_to_its_commit(rolled_back: Visit, demo: Demo) -> None:
    decisions = rolled_back.page.get_by_test_id("stTable").last
    reverted = decisions.get_by_role("row").filter(has_text="Reverted the deploy")
    link = reverted.get_by_role("link")
    commit = demo.rolled_back["revert_commit"]
    expect(link).to_have_text(commit[:10])
    address = link.get_attribute("href") or ""
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  # the page's link
        text = answer.read().decode()
    assert text.startswith(f"commit {commit}")
    assert demo.rolled_back["deploy_commit"] in text


def test_nothing_is_broken_and_nobody_else_is_asked(visit: Visit) -> None:
    visit.page.wait_for_timeout(5000)
    expect(visit.page.get_by_test_id("stException")).to_have_count(0)
    expect(_charts(visit).nth(3)).to_be_visible()
    assert visit.complaints == []
    assert visit.hosts == {"127.0.0.1"}


def test_the_dark_page_draws_the_same_on_a_dark_ground(
    browser: Browser, dashboard: str, demo: Demo
) -> None:
    address = f"{dashboard}/?rollout={demo.rolled_back['rollout']}"
    with _visited(browser, address, color_scheme="dark") as dark:
        expect(_charts(dark).nth(1).get_by_text("stops at 80", exact=True)).to_be_visible()
        grounds = dark.page.evaluate(
            "[...document.querySelectorAll('[data-testid=stVegaLiteChart] rect.background')]"
            ".map(rect => rect.getAttribute('fill') || 'none')"
        )
    assert not {"white", "#fff", "#ffffff"} & set(grounds)


def test_a_service_that_is_away_is_said_in_words_and_what_happens_next(
    browser: Browser, tmp_path: Path
) -> None:
    nowhere = f"http://127.0.0.1:{_free_port()}"
    with (
        _dashboard_for(nowhere, tmp_path / "dashboard.log") as url,
        _visited(browser, url) as away,
    ):
        said = away.page.get_by_test_id("stAlert").first
        expect(said).to_contain_text("does not answer")
        expect(said).to_contain_text("asks again every 2 seconds")
        expect(away.page.get_by_test_id("stException")).to_have_count(0)


def _charts(visit: Visit) -> Locator:
    return visit.page.get_by_test_id("stVegaLiteChart").locator("svg.marks")


def _metric(visit: Visit, label: str) -> Locator:
    return visit.page.get_by_test_id("stMetric").filter(has_text=label)


@contextmanager
def _visited(browser: Browser, address: str, **options: Any) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, **options)
    context.set_default_timeout(SHOWN_WITHIN_MS)
    expect.set_options(timeout=SHOWN_WITHIN_MS)
    visit = Visit(context.new_page())
    visit.watch()
    visit.page.goto(address)
    visit.page.get_by_test_id("stAlert").first.wait_for()
    visit.page.locator("[data-test-script-state=notRunning]").wait_for()
    yield visit
    context.close()


@contextmanager
def _dashboard_for(service: str, log: Path) -> Iterator[str]:
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(APP), "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--server.headless", "true"]
    command += ["--browser.gatherUsageStats", "false", "--", "--service", service]
    with _running(command, log, f"http://127.0.0.1:{port}/_stcore/health"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(command: list[str], log: Path, health: str) -> Iterator[None]:
    """A process that answers, ended in the end whatever happens."""
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            _wait_until_healthy(process, health, log)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_healthy(process: subprocess.Popen[bytes], health: str, log: Path) -> None:
    give_up_at = time.monotonic() + START_WITHIN_S
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            with urllib.request.urlopen(health, timeout=5):  # noqa: S310  # loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"{health} did not answer; its log ends with:\n{log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
