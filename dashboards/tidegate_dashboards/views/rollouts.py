"""The page "Rollouts": how a release is going, and why it was decided as it was."""

from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from tidegate_dashboards import wording
from tidegate_dashboards.service_client import (
    Rollout,
    ServiceClient,
    ServiceError,
    ServiceUnreachable,
)
from tidegate_dashboards.views import notices, rollout_panels
from tidegate_dashboards.views.rollout_panels import Chosen

REFRESH_S: Final = 2.0
_LISTED_AT_MOST: Final = 40
_PARAMETER: Final = "rollout"


def draw(client: ServiceClient) -> None:
    """Draw the page, and draw it again whenever the service may have news."""
    st.sidebar.markdown("### :material/water_lock: Tidegate")
    st.markdown("#### Rollouts")
    _live(client)


@st.fragment(run_every=REFRESH_S)
def _live(client: ServiceClient) -> None:
    """Everything that changes by itself; what did not change is left alone by the browser."""
    try:
        rollouts, drift = client.rollouts(), client.drift()
        chosen = Chosen.read(client, _choose(rollouts)) if rollouts else None
    except ServiceUnreachable as error:
        notices.show_unreachable(error, client.url, retry_s=REFRESH_S)
        return
    except ServiceError as error:
        notices.show_unusable(error, retry_s=REFRESH_S)
        return
    zone = _zone()
    notices.show_drift(drift, zone)
    if chosen is None:
        notices.show_no_rollout(client.url, drift["environment"])
    else:
        rollout_panels.show(chosen, client, zone)


def _choose(rollouts: list[Rollout]) -> str:
    """The rollout of the page's address, else the newest; the list beside the page changes it.

    Kept in the address, a choice survives a reload and can be sent to a colleague; with none, the
    page follows the newest rollout.
    """
    by_id = {each["id"]: each for each in rollouts}
    wanted = st.query_params.get(_PARAMETER)
    if wanted is not None and wanted not in by_id:
        st.warning(f"There is no rollout {wording.literal(wanted)}; this is the newest.")
    current = wanted if wanted in by_id else rollouts[0]["id"]
    if st.session_state.get(_PARAMETER) != current:  # setting it for nothing can undo a click
        st.session_state[_PARAMETER] = current
    with st.sidebar:
        _list(by_id, current)
    return current


def _list(by_id: dict[str, Rollout], current: str) -> None:
    listed = list(dict.fromkeys([*list(by_id)[:_LISTED_AT_MOST], current]))
    now, zone = datetime.now(UTC), _zone()
    st.radio(
        _heading(list(by_id.values())),
        listed,
        format_func=lambda each: _title(by_id[each]),
        captions=[_caption(by_id[each], zone, now) for each in listed],
        key=_PARAMETER,
        on_change=_remember,
    )


def _heading(rollouts: list[Rollout]) -> str:
    environment = wording.literal(rollouts[0]["environment"])
    return f"In {environment}, newest first ({wording.count(len(rollouts))})"


def _remember() -> None:
    st.query_params[_PARAMETER] = st.session_state[_PARAMETER]


def _title(rollout: Rollout) -> str:
    names = (rollout["agent"], rollout["candidate"], rollout["baseline"])
    agent, candidate, baseline = (wording.literal(name) for name in names)
    return f":{wording.colour(rollout['phase'])}[●] {agent} **{candidate}** over {baseline}"


def _caption(rollout: Rollout, zone: tzinfo, now: datetime) -> str:
    started = wording.clock(wording.instant(rollout["started_at"]), zone, now=now)
    return f"{wording.phase(rollout['phase'])} · began {wording.literal(started)}"


def _zone() -> tzinfo:
    """The time zone of the person at the browser; UTC if it does not tell."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
