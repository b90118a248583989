"""What all tests share: where recorded data lies, and worlds to act in."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.demo.sample_manifest import SampleManifest
from worlds import AGENT, World


@pytest.fixture(scope="session")
def recorded_runs() -> Path:
    """The recorded agent runs, where they are."""
    folder = Path(os.environ.get("TIDEGATE_DATA", Path(__file__).parents[2] / "shared" / "data"))
    path = folder / "agentdojo_runs.parquet"
    if not path.exists():
        pytest.skip(f"recorded runs are not here: {path} is missing (set TIDEGATE_DATA)")
    return path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Version v1 is live and adopted; v2 is committed as a version but not deployed."""
    engineer = SampleManifest(tmp_path, AGENT)
    engineer.begin("v1")
    engineer.add_version("v2")
    made = World(tmp_path, engineer)
    made.turn()
    yield made
    made.close()


@pytest.fixture
def canary(world: World) -> World:
    """The canary of v2 has begun, at 1 %."""
    world.engineer.deploy("v2")
    world.turn()
    return world
