"""The smallest operator that kopf's own tutorial would write."""

from __future__ import annotations

import kopf

from bench.kube import KIND


@kopf.on.create(KIND.group, KIND.version, KIND.plural)
async def created(patch: kopf.Patch, **_: object) -> None:
    patch.status["phase"] = "Synced"


if __name__ == "__main__":
    kopf.run(namespaces=["default"], standalone=True)
