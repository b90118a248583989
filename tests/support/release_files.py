"""Files of a manifest repository as people write them, with what a test wants in them."""

from worlds import AGENT


def intent_path(agent: str = AGENT) -> str:
    return f"envs/production/{agent}.yaml"


def metrics_path(agent: str = AGENT) -> str:
    return f"agents/{agent}/metrics.yaml"


def version_file(version: str, agent: str = AGENT) -> dict[str, str]:
    """A version of which nothing is known but its name."""
    text = f"kind: AgentVersion\nagent: {agent}\nversion: {version}\n"
    return {f"agents/{agent}/versions/{version}.yaml": text}


def metrics_file(*guardrails: str, agent: str = AGENT, window: str = "10m") -> dict[str, str]:
    """What is watched: each guardrail as it stands in YAML."""
    lines = "".join(f"  - {each}\n" for each in guardrails)
    text = f"kind: Metrics\nagent: {agent}\nwindow: {window}\nguardrails:\n{lines}"
    return {metrics_path(agent): text}


def release_file(
    version: str, strategy: str, *, agent: str = AGENT, more: str = ""
) -> dict[str, str]:
    """INTENT: a version, its strategy as it stands in YAML, and lines beside it."""
    asked = f"kind: AgentRelease\nagent: {agent}\nversion: {version}\n"
    return {intent_path(agent): f"{asked}strategy:\n  {strategy}\n{more}"}


def canary(*steps: str, more: str = "") -> str:
    """A canary of these steps, with keys beside them."""
    return f"canary: {{steps: [{', '.join(steps)}]{more}}}"


def at_rest(
    *versions: str,
    agent: str = AGENT,
    guardrails: tuple[str, ...] = ("{name: prompt_injection}",),
    window: str = "10m",
) -> dict[str, str]:
    """An agent whose first version is live, with other versions that are not released."""
    first, *_ = versions
    files = metrics_file(*guardrails, agent=agent, window=window)
    for version in versions:
        files |= version_file(version, agent)
    two_steps = canary("{setWeight: 50%}", "{setWeight: 100%}")
    return files | release_file(first, two_steps, agent=agent)
