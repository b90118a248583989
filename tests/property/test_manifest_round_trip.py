"""Every document of a manifest repository is read back as it was written."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.domain import manifest_files as files
from tidegate.domain.agent_version import (
    AgentVersion,
    Code,
    Components,
    Memory,
    Model,
    Prompt,
    Tool,
)
from tidegate.domain.audience import Condition
from tidegate.domain.backtest import ReplayPolicy
from tidegate.domain.canary import Canary, Deadline, OnInconclusive, Pause, RiskBudget, Step, Watch
from tidegate.domain.document import Document
from tidegate.domain.flag import FeatureFlag, FlagRule
from tidegate.domain.installation import Budgets, Installation
from tidegate.domain.intent import AgentRelease, Strategy
from tidegate.domain.metrics import Guardrail, Metrics
from tidegate.domain.orders import RolloutOrders
from tidegate.domain.quantities import percent
from tidegate.domain.segment import Segment
from tidegate.domain.state import BadVersion, Phase, ReleaseState
from tidegate_sdk import PARTS

LINE_BREAKS = "\x85\u2028\u2029"  # of Unicode; they have a test of their own
CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters=LINE_BREAKS)
WORDS = st.text(CHARACTERS, min_size=1, max_size=30)
TRICKY = st.sampled_from(
    ["null", "~", "yes", "on", "1.0", "1e3", "0x1F", "2026-03-01", "2026-03-01T12:00:00Z", "=",
     "- x", "a: b", "#c", "'", '"', " x ", "\n", "x\n\ny\n", "\t", "\ufeff", "&a", "*a",
     "%", "@", "!x", "|", ">", "[", "{", "\U0001f4a9", "x" * 300, "long words " * 30]
)  # fmt: skip
TEXTS = WORDS | TRICKY
DURATIONS = st.builds("{}{}".format, st.integers(0, 10**6), st.sampled_from("smhd"))
UNIT = st.floats(0.0, 1.0, exclude_min=True, exclude_max=True)
SHARES = st.integers(1, PARTS - 1)
WRITTEN_SHARES = SHARES | SHARES.map(percent)

BUDGETS = st.builds(Budgets, false_rollback=UNIT, false_promote=UNIT)
INSTALLATIONS = st.builds(
    Installation,
    environments=st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
    budgets=BUDGETS,
)
NAMES = TEXTS.filter(str.strip)
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
PATHS = st.from_regex(r"[A-Za-z0-9_ -]{1,8}(/[a-z]{1,5}\.[a-z]{2,4}){0,2}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
SETTINGS = st.dictionaries(TEXTS, JSON, max_size=3)
CODES = st.builds(
    Code,
    repo=NAMES,
    commit=st.text("0123456789abcdef", min_size=40, max_size=40),
    image=st.none() | DIGESTS.map("registry.example/agent@sha256:{}".format),
)
PROMPTS = st.builds(Prompt, name=NAMES, path=PATHS, sha256=DIGESTS)
MODELS = st.builds(
    Model,
    provider=NAMES,
    model=NAMES,
    endpoint=st.none() | TEXTS,
    params=SETTINGS,
    pin=st.none() | TEXTS,
)
EFFECTS = st.sampled_from(["read", "write"])
TOOLS = st.builds(
    Tool, name=NAMES, schema=PATHS, sha256=DIGESTS, side_effects=EFFECTS, allowed=st.booleans()
) | st.builds(Tool, name=NAMES, parameters=SETTINGS, side_effects=EFFECTS, allowed=st.booleans())
MEMORIES = st.builds(
    Memory,
    schema=PATHS,
    sha256=st.none() | DIGESTS,
    writes=NAMES,
    reads=st.lists(TEXTS, max_size=3, unique=True).map(tuple),
    migrate_down=st.sampled_from(["none", "automatic"]),
)
COMPONENTS = st.builds(
    Components,
    code=st.none() | CODES,
    prompts=st.lists(PROMPTS, max_size=2, unique_by=lambda each: each.name).map(tuple),
    model=st.none() | MODELS,
    tools=st.lists(TOOLS, max_size=2, unique_by=lambda each: each.name).map(tuple),
    memory=st.none() | MEMORIES,
)
VERSIONS = st.builds(AgentVersion, agent=TEXTS, version=TEXTS, components=COMPONENTS)
INCIDENTS = st.builds(
    Guardrail,
    name=TEXTS,
    weight=st.floats(1e-3, 1e3),
    margin=st.none() | st.floats(1.0, 100.0, exclude_min=True, exclude_max=True),
    negligible=SHARES.map(percent),
    ceiling=st.none() | SHARES.map(percent),
)
OUTCOMES = st.builds(Guardrail, name=TEXTS, kind=st.just("outcome"), margin=st.none() | UNIT)
METRICS = st.builds(
    Metrics,
    agent=TEXTS,
    guardrails=st.lists(
        INCIDENTS | OUTCOMES, min_size=1, max_size=4, unique_by=lambda each: each.name
    ).map(tuple),
    window=DURATIONS,
    exposure=st.sampled_from(["once", "ongoing"]),
)
STATES = st.builds(
    ReleaseState,
    agent=TEXTS,
    attempt=TEXTS,
    phase=st.sampled_from(Phase),
    stable=TEXTS,
    candidate=st.none() | TEXTS,
    step=st.integers(0, 20),
    weight=st.integers(0, PARTS),
    salt=st.just("") | TEXTS,
    step_started=st.none() | st.datetimes(timezones=st.just(UTC)),
    reason=st.just("") | TEXTS,
    window=st.lists(TEXTS, max_size=5).map(tuple),
    bad=st.lists(st.builds(BadVersion, version=TEXTS, attempt=TEXTS, reason=TEXTS), max_size=3).map(
        tuple
    ),
)
GOING_ON = st.builds(
    RolloutOrders,
    agent=TEXTS,
    attempt=TEXTS,
    resumed=st.booleans(),
    promoted_steps=st.integers(0, 20),
    full=st.booleans(),
    reason=st.just("") | TEXTS,
)
ORDERS = GOING_ON | st.builds(
    RolloutOrders, agent=TEXTS, attempt=TEXTS, paused=st.sampled_from([True])
)
CONDITIONS = st.builds(Condition, users=st.lists(NAMES, max_size=3).map(tuple))
SEGMENTS = st.builds(
    Segment,
    segment=TEXTS,
    users=st.lists(NAMES, max_size=3).map(tuple),
    teams=st.lists(NAMES, max_size=3).map(tuple),
    rules=st.lists(CONDITIONS, max_size=2).map(tuple),
)
FLAGS = st.builds(
    FeatureFlag,
    flag=st.from_regex(r"[a-z0-9._:-]{1,20}", fullmatch=True),
    type=st.just("string"),
    variants=st.fixed_dictionaries({"on": TEXTS, "off": TEXTS}),
    rules=st.lists(
        st.builds(FlagRule, when=CONDITIONS, serve=st.sampled_from(["on", "off"])), max_size=2
    ).map(tuple),
    default=st.sampled_from(["on", "off"]),
    killed=st.booleans(),
    kill_switch=st.none() | st.just("off"),
    expires=st.none() | st.dates(),
    salt=st.none() | TEXTS,
)
ENDS = {
    "on_inconclusive": st.none()
    | st.builds(
        OnInconclusive,
        action=st.sampled_from(["hold", "extend", "promote", "rollback"]),
        max=DURATIONS,
    ),
    "deadline": st.none()
    | st.builds(
        Deadline, after=DURATIONS, action=st.sampled_from(["pause", "rollback", "promote"])
    ),
    "after_promotion": st.builds(
        Watch,
        duration=DURATIONS,
        run_length=st.integers(2, 10**9),
        action=st.sampled_from(["alarm", "rollback"]),
    ),
}
RAMPS = st.builds(
    Canary,
    mode=st.just("riskBudget"),
    risk_budget=st.builds(
        RiskBudget,
        excess=st.floats(0.01, 1e6),
        look_units=st.integers(1, 10_000),
        certify_at=WRITTEN_SHARES,
    ),
    **ENDS,  # type: ignore[arg-type] - as the dictionary of strategies that it is
)


@st.composite
def _releases(draw: st.DrawFn) -> AgentRelease:
    shares = sorted(draw(st.sets(SHARES, min_size=1, max_size=5)))
    as_text = draw(st.booleans())
    steps = tuple(
        Step(
            set_weight=percent(share) if as_text else share,
            min_units=draw(st.integers(0, 10**12)),
            pause=draw(st.none() | st.builds(Pause, duration=st.none() | DURATIONS)),
            certify=draw(st.booleans()),
        )
        for share in [*shares, PARTS]
    )
    named = draw(st.none() | st.lists(TEXTS, min_size=1, max_size=3, unique=True).map(tuple))
    ends = draw(st.fixed_dictionaries(ENDS))
    return AgentRelease(
        agent=draw(TEXTS),
        version=draw(TEXTS),
        strategy=Strategy(
            canary=draw(RAMPS | st.just(Canary(steps=steps, guardrails=named, **ends)))
        ),
        force=draw(st.booleans()),
    )


REPLAYS = st.builds(
    ReplayPolicy,
    budgets=st.none() | BUDGETS,
    guardrails=st.none() | METRICS.map(lambda metrics: metrics.guardrails),
    strategy=st.none() | _releases().map(lambda release: release.strategy),
)


@pytest.mark.parametrize(
    "documents",
    [
        pytest.param(INSTALLATIONS, id="Installation"),
        pytest.param(VERSIONS, id="AgentVersion"),
        pytest.param(METRICS, id="Metrics"),
        pytest.param(_releases(), id="AgentRelease"),
        pytest.param(STATES, id="ReleaseState"),
        pytest.param(ORDERS, id="RolloutOrders"),
        pytest.param(SEGMENTS, id="Segment"),
        pytest.param(FLAGS, id="FeatureFlag"),
        pytest.param(REPLAYS, id="ReplayPolicy"),
    ],
)
@given(data=st.data())
def test_document_rendered_and_parsed_is_the_same(
    documents: st.SearchStrategy[Document], data: st.DataObject
) -> None:
    document = data.draw(documents)
    rendered = files.render(document)
    again = files.parse("some.yaml", rendered, type(document))
    assert again == document
    assert files.render(again) == rendered


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(Installation(environments=()), id="no environment"),
        pytest.param(
            ReleaseState(
                agent="support",
                attempt="a",
                phase=Phase.ROLLED_BACK,
                stable="v1",
                bad=(BadVersion(version="v2", attempt="a", reason=""),),
            ),
            id="no reason",
        ),
    ],
)
def test_document_whose_required_value_is_empty_is_read_back(document: Document) -> None:
    assert files.parse("some.yaml", files.render(document), type(document)) == document


@pytest.mark.parametrize("character", LINE_BREAKS, ids=ascii)
def test_text_with_a_line_break_of_unicode_is_read_back(character: str) -> None:
    version = AgentVersion(agent="support", version=f"a{character}b")
    assert files.parse("some.yaml", files.render(version), AgentVersion) == version


def test_every_kind_of_file_is_covered_here() -> None:
    kinds = {
        kind for kind in Document.__subclasses__() if kind.__struct_config__.tag_field is not None
    }
    assert kinds == {
        Installation,
        AgentVersion,
        Metrics,
        AgentRelease,
        ReleaseState,
        RolloutOrders,
        Segment,
        FeatureFlag,
        ReplayPolicy,
    }
