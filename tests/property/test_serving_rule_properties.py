"""What is served of a canary is what the model of the manifest's rules says, for any files."""

from hypothesis import given
from hypothesis import strategies as st

from serving_model import Intent, Served, State, serving_rule
from tidegate.domain.canary import Canary, Step
from tidegate.domain.intent import AgentRelease, Strategy
from tidegate.domain.state import BadVersion, Phase, ReleaseState
from tidegate.domain.traffic import traffic_of

ATTEMPTS = ("a" * 40, "b" * 40)
PLAN = Strategy(canary=Canary(steps=(Step(set_weight="10%"), Step(set_weight="100%"))))

versions = st.sampled_from(["v1", "v2", "v3"])
some_versions = st.lists(versions, unique=True)
intents = st.builds(Intent, version=versions, force=st.booleans())


@st.composite
def states(draw: st.DrawFn) -> State:
    """STATE as an engine may have left it: a candidate with a share only while one is released."""
    phase = draw(st.sampled_from([phase for phase in Phase if phase is not Phase.PENDING]))
    runs = phase in (Phase.PROGRESSING, Phase.PAUSED)
    return State(
        attempt=draw(st.integers(0, 1)),
        phase=phase.value,
        stable=draw(versions),
        candidate=draw(versions) if runs else None,
        share=draw(st.integers(1, 999_999)) if runs else 0,
        window=tuple(draw(some_versions)),
        bad=frozenset(draw(some_versions)),
    )


@given(intent=intents, state=states(), attempt=st.integers(0, 1))
def test_a_canary_is_served_as_the_model_says(intent: Intent, state: State, attempt: int) -> None:
    wanted = AgentRelease(
        agent="support", version=intent.version, force=intent.force, strategy=PLAN
    )
    bad = [
        BadVersion(version=each, attempt=ATTEMPTS[0], reason="harm") for each in sorted(state.bad)
    ]
    written = ReleaseState(
        agent="support",
        attempt=ATTEMPTS[state.attempt],
        phase=Phase(state.phase),
        stable=state.stable,
        candidate=state.candidate,
        weight=state.share,
        window=state.window,
        bad=tuple(bad),
    )
    traffic = traffic_of(wanted, written, ATTEMPTS[attempt])
    served = Served(traffic.phase.value, traffic.baseline, traffic.candidate, traffic.share_ppm)
    assert served == serving_rule(intent, state, attempt)
