"""The index that each test of this folder works on."""

from __future__ import annotations

import pytest

from tests.sync.ground import Ground


@pytest.fixture
async def ground(tmp_path):
    ground = Ground(tmp_path / "data")
    yield ground
    await ground.close()
