"""A certificate and its key, as an owner would bring them."""

import asyncio
from datetime import UTC, datetime

from firstparty.certs.keys import build_csr, new_private_key
from firstparty.certs.local import LocalAuthority, new_local_root
from firstparty.certs.progress import Issued


def a_pair(hosts: tuple[str, ...]) -> dict[str, str]:
    """The body of an import."""
    key = new_private_key()
    authority = LocalAuthority(new_local_root(datetime.now(UTC)))
    issued = asyncio.run(authority.begin(hosts, build_csr(key, hosts)))
    assert isinstance(issued, Issued)
    return {"chain": issued.chain, "private_key": key.decode()}
