"""The real Python SDK as a server uses it: ``python_client.py WRITE_KEY HOST``, ids on stdout.

Names under .test are mapped to loopback here, since no resolver on the machine knows them.
"""

import json
import socket
import sys
from typing import Any

from segment.analytics.client import Client

_getaddrinfo = socket.getaddrinfo


def _mapped(host: Any, *rest: Any, **options: Any) -> Any:
    is_ours = isinstance(host, str) and host.endswith(".test")
    return _getaddrinfo("127.0.0.1" if is_ours else host, *rest, **options)


def main() -> None:
    socket.getaddrinfo = _mapped
    write_key, host, zipped = sys.argv[1:]
    client = Client(write_key, host=host, gzip=zipped == "gzip", max_retries=3)
    sent = [
        client.identify("u1", {"plan": "demo"}),
        client.track("u1", "Order Completed", {"total": 42}),
        client.page("u1", None, "Home"),
        client.screen("u1", None, "Start"),
        client.group("u1", "g1", {"name": "Shop"}),
        client.alias("u0", "u1"),
    ]
    client.shutdown()
    json.dump([message["messageId"] for _, message in sent], sys.stdout)


main()
