"""What this machine's resolver says of a name."""

import asyncio
import socket


async def resolve_with_name(host: str) -> tuple[str, tuple[str, ...]]:
    """The name at the end of the host's CNAMEs (the host itself without any), and its addresses.

    Raises OSError where it has none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    canonical = next((name for _, _, _, name, _ in found if name), host)
    addresses = dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found)
    return canonical.rstrip(".").lower(), tuple(addresses)
