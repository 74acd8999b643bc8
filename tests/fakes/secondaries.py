"""Knot and BIND on loopback as secondaries that learn their zones from a catalog."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from firstparty.config.addresses import Address

KNOT = """\
server:
  rundir: "{folder}"
  listen: 127.0.0.1@{own.port}
database:
  storage: "{folder}"
key:
  - id: firstparty
    algorithm: hmac-sha256
    secret: {secret}
remote:
  - id: firstparty
    address: {primary.host}@{primary.port}
    key: firstparty
acl:
  - id: notify
    key: firstparty
    action: notify
template:
  - id: default
    storage: "{folder}"
  - id: member
    storage: "{folder}"
    master: firstparty
    acl: notify
zone:
  - domain: catalog.fp.test
    master: firstparty
    acl: notify
    catalog-role: interpret
    catalog-template: member
"""
BIND = """\
options {{
  directory "{folder}";
  pid-file none;
  session-keyfile none;
  listen-on port {own.port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
  allow-transfer {{ none; }};
  catalog-zones {{
    zone "catalog.fp.test"
      default-primaries {{ {primary.host} port {primary.port} key firstparty; }}
      in-memory yes
      min-update-interval 1;
  }};
}};
controls {{ }};
key firstparty {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "catalog.fp.test" {{
  type secondary;
  primaries {{ {primary.host} port {primary.port} key firstparty; }};
  allow-notify {{ key firstparty; }};
  file "catalog.db";
}};
"""


@contextlib.asynccontextmanager
async def running_secondary(
    command: list[str], template: str, folder: Path, *, own: Address, primary: Address, secret: str
) -> AsyncIterator[None]:
    """``command`` ends where the name of the configuration's file belongs."""
    file = folder / f"{command[0]}.conf"
    file.write_text(template.format(folder=folder, own=own, primary=primary, secret=secret))
    with (folder / f"{command[0]}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, str(file), stdout=log, stderr=log)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
