"""The dashboards' entry: which pages there are, and which service they read."""

import argparse
import sys
from collections.abc import Sequence

import streamlit as st

from tidegate_dashboards.service_client import ServiceClient
from tidegate_dashboards.views import rollouts

_SIDEBAR_PX = 270
DEFAULT_SERVICE = "http://127.0.0.1:8080"
_LESS_WHITE_SPACE = """<style>
[data-testid="stMainBlockContainer"] { padding: 0.9rem 2rem 2rem; max-width: 1500px; }
[data-testid="stHeader"] { background: transparent; }
[data-testid="stAppDeployButton"] { display: none; }
[data-testid="stMainBlockContainer"] [data-testid="stVerticalBlock"] { gap: 0.7rem; }
[data-testid="stMetricValue"] { font-size: 1.7rem; }
[data-testid="stTable"] [data-testid="stMarkdownContainer"] { max-width: none; }
[data-testid="stAlert"] h4, [data-testid="stMainBlockContainer"] h5 { padding: 0 0 0.2rem; }
</style>"""
"""Streamlit's own spacing would push the charts below the fold of a laptop."""


def main() -> None:
    """Draw the page that the browser asks for."""
    st.set_page_config(
        page_title="Tidegate", page_icon="🌊", layout="wide", initial_sidebar_state=_SIDEBAR_PX
    )
    st.html(_LESS_WHITE_SPACE)
    client = ServiceClient(service_of(sys.argv[1:]))

    def rollouts_page() -> None:
        rollouts.draw(client)

    pages = [st.Page(rollouts_page, title="Rollouts", url_path="rollouts", default=True)]
    st.navigation(pages).run()


def service_of(arguments: Sequence[str]) -> str:
    """The service's address from what follows `--` on the command line."""
    parser = argparse.ArgumentParser(prog="streamlit run dashboards/app.py --")
    parser.add_argument("--service", default=DEFAULT_SERVICE, help="address of the service")
    address: str = parser.parse_args(arguments).service
    return address
