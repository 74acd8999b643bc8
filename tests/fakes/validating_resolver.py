"""Unbound on loopback, which validates from a trust anchor of ours and asks servers of ours."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message

from firstparty.config.addresses import Address
from tests.ports import free_port

_CONFIGURATION = """\
server:
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: "{folder}/unbound.log"
  interface: 127.0.0.1@{port}
  do-not-query-localhost: no
  module-config: "validator iterator"
  qname-minimisation: no
  aggressive-nsec: yes
  local-zone: "test." nodefault
  val-log-level: 2
{anchors}
remote-control:
  control-enable: no
{stubs}
"""


@contextlib.asynccontextmanager
async def validating_resolver(
    folder: Path, *, anchors: list[str], stubs: Mapping[str, Address]
) -> AsyncIterator[Address]:
    """``anchors`` are DS records as text; ``stubs`` says which server to ask for which zone."""
    address = Address("127.0.0.1", free_port())
    configuration = _CONFIGURATION.format(
        folder=folder,
        port=address.port,
        anchors="\n".join(f'  trust-anchor: "{one}"' for one in anchors),
        stubs="\n".join(
            f"stub-zone:\n  name: {zone}\n  stub-addr: {server.host}@{server.port}"
            for zone, server in stubs.items()
        ),
    )
    file = folder / "unbound.conf"
    file.write_text(configuration)
    process = await asyncio.create_subprocess_exec("unbound", "-d", "-c", str(file))
    try:
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(dns.exception.Timeout, OSError):
                    query = dns.message.make_query("version.bind", "TXT", "CH")
                    await dns.asyncquery.udp(query, address.host, port=address.port, timeout=0.2)
                    break
        yield address
    finally:
        process.terminate()
        await process.wait()
