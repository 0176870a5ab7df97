"""An object that goes and comes again under its name."""

import pytest

from tests.actors.world import QUICK, cell, world

pytestmark = pytest.mark.looptime


async def test_a_cell_that_is_deleted_and_made_again_at_once_is_looked_after() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=120)
            await w.delete("web")
            await w.apply(cell(**QUICK))
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=120)
            w.group("1.2.0", name="third")
            await w.until(lambda s: s.get("stableVersion") == "1.2.0", within=240)
