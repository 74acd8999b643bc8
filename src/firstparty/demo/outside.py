"""The outside world as a process: the parent zone's nameserver, a resolver and the upstream.

``python -m firstparty.demo.outside``, on sockets that the demo's supervisor handed down.
"""

import argparse
import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

from firstparty.config.addresses import Address, parse_address
from firstparty.demo.installation import SERVICE_DOMAIN, SHOP_DOMAIN
from firstparty.demo.parent import serve_parent
from firstparty.demo.parent_zones import build_world
from firstparty.demo.resolver import serve_resolver
from firstparty.demo.shop import serve_shop
from firstparty.demo.upstream import serve_upstream
from firstparty.serve.sockets import inherit_sockets
from firstparty.telemetry import configure_logs


def main() -> None:
    """Play the outside world until SIGTERM."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--state", type=Path, required=True)
    arguments.add_argument("--nameserver", required=True, help="ADDRESS:PORT of ours")
    given = arguments.parse_args()
    configure_logs("outside")
    with suppress(asyncio.CancelledError):
        asyncio.run(_play(given.state, parse_address(given.nameserver, key="--nameserver")))


async def _play(state: Path, nameserver: Address) -> None:
    current = asyncio.current_task()
    assert current is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, current.cancel)
    sockets = inherit_sockets(os.environ)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            serve_parent(
                udp=sockets["outside-parent-udp"],
                tcp=sockets["outside-parent-tcp"],
                zones=build_world(SERVICE_DOMAIN, {}, site=SHOP_DOMAIN),
            )
        )
        tasks.create_task(
            serve_resolver(
                udp=sockets["outside-resolver"],
                parent=Address(*sockets["outside-parent-udp"].getsockname()),
                nameserver=nameserver,
                service_domain=SERVICE_DOMAIN,
            )
        )
        tasks.create_task(
            serve_upstream(listener=sockets["outside-upstream"], received=state / "received.ndjson")
        )
        tasks.create_task(serve_shop(listener=sockets["outside-shop"], state=state))


if __name__ == "__main__":
    main()
