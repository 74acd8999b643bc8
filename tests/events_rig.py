"""A workspace of a running API whose sources are those of a test's log."""

import asyncio
import os
import sys
from typing import Any

import httpx

from firstparty.model.workspaces import Role
from tests.served import Served


class Workspace:
    """One workspace with sources 1, 2, … of that name, and somebody's token."""

    def __init__(self, served: Served, sources: int, role: Role = Role.EDITOR) -> None:
        self.served = served
        with served.call() as call:
            self.id = str(call.post("/workspaces", json={"name": "Shop"}).json()["id"])
            self.sources = [
                str(call.post("/sources", json=self._source(n)).json()["id"])
                for n in range(sources)
            ]
        self.token = served.token(role, self.id)

    def _source(self, number: int) -> dict[str, str]:
        return {"workspace_id": self.id, "name": f"{number + 1}", "type": "python"}

    async def ask(self, method: str, path: str, token: str | None = None, **more: Any) -> Any:
        async with httpx.AsyncClient(
            base_url=f"{self.served.url}/api/v1",
            headers={"Authorization": f"Bearer {token or self.token}"},
            timeout=30,
            trust_env=False,
        ) as call:
            return await call.request(method, path, **more)

    async def ledger(self) -> list[dict[str, Any]]:
        answer = await self.ask("GET", "/events/ledger")
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        for one in items:
            assert one["uncounted_groups"] == 0
            fates = one["delivered"] + one["waiting"] + one["dead"] - one["replayed"]
            assert one["accepted"] == fates
        return items


async def run(workspace: Workspace, *arguments: str) -> str:
    """What ``firstparty events`` prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "firstparty",
        "events",
        *arguments,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "FIRSTPARTY_URL": workspace.served.url,
            "FIRSTPARTY_TOKEN": workspace.token,
        },
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output
    return output.decode()
