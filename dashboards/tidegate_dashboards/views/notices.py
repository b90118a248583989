"""What a page says when there is nothing to show, or when something is not as it should be."""

from datetime import UTC, datetime, tzinfo

import streamlit as st

from tidegate_dashboards import wording
from tidegate_dashboards.service_client import Drift, Override, ServiceError, ServiceUnreachable


def show_unreachable(error: ServiceUnreachable, service: str, *, retry_s: float) -> None:
    """Nobody answers at the service's address."""
    st.error(
        f"{wording.literal(error.reason).capitalize()}. What is released now cannot be seen from "
        f"here. This page asks again every {retry_s:g} seconds and comes back by itself. If the "
        "service is down, start it:",
        title=f"The service at {wording.literal(service)} does not answer",
        icon=":material/cloud_off:",
    )
    st.code(
        "tidegate run --data-dir DIR          # service and dashboard\n"
        "tidegate serve --data-dir DIR --manifest REPOSITORY   # the service alone",
        language="bash",
    )


def show_unusable(error: ServiceError, *, retry_s: float) -> None:
    """The service answers with an error."""
    st.error(
        f"{wording.literal(str(error))}\n\nThis page asks again every {retry_s:g} seconds. If it "
        "stays, the service's log says more.",
        title="The service answered with an error",
        icon=":material/error:",
    )


def show_no_rollout(service: str, environment: str) -> None:
    """Nothing was ever released."""
    st.info(
        f"A rollout begins when a commit in the manifest repository changes an agent's `version` "
        f"in `envs/{environment}/AGENT.yaml`. Within seconds the service sees the commit, gives "
        "the new version its first small share of the units, and this page shows how it fares.",
        title="No rollout yet",
        icon=":material/hourglass_empty:",
    )
    st.markdown("To watch one without an agent of your own, release a simulated one:")
    st.code(
        "tidegate demo --port 8099\n"
        "streamlit run dashboards/app.py -- --service http://127.0.0.1:8099",
        language="bash",
    )
    st.caption(f"Service: {wording.literal(service)}")


def show_drift(drift: Drift, zone: tzinfo) -> None:
    """Where what is served is not what git says; nothing where all is well."""
    for agent, reason in drift["problems"].items():
        st.warning(
            _problem_sentence(agent, reason, drift["served"]),
            title=_problem_title(agent),
            icon=":material/warning:",
        )
    for override in drift["overrides"].values():
        st.warning(
            _override_sentence(override, zone),
            title="An emergency stop is in force that git does not know yet",
            icon=":material/emergency_home:",
        )


def _problem_title(agent: str) -> str:
    what = f"The manifest of {wording.literal(agent)}" if agent else "The manifest repository"
    return f"{what} cannot be served as it is at head"


def _problem_sentence(agent: str, reason: str, served: str | None) -> str:
    kept = f" (repository at {served[:10]})" if served and not agent else ""
    return (
        f"{wording.literal(reason)}\n\nThe last good manifest{kept} goes on being served. The next "
        "commit that can be read puts this right by itself."
    )


def _override_sentence(override: Override, zone: tzinfo) -> str:
    since = wording.clock(wording.instant(override["at"]), zone, now=datetime.now(UTC))
    return (
        f"{wording.literal(override['reason'])}\n\nSince {wording.literal(since)} every unit is "
        "served the baseline. The revert is pushed as soon as the repository answers; then this "
        "notice goes."
    )
