"""One ingest process with one domain: what benchmarks/ingest.py measures.

Needs nothing but what ingest itself needs, so that any Python can run it.
"""

import asyncio
import socket
import sys
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from firstparty.ingest.rates import Rates
from firstparty.ingest.serve import serve_ingest
from firstparty.model.feed import EdgeDomain, EdgeSource, Topic
from firstparty.store import feed, tables
from firstparty.store.engine import Store
from firstparty.store.reader import open_feed

HOST: Final = "api.cdp.example.test"
WRITE_KEY: Final = "WKBENCHMARK"
LOG_BYTES: Final = 8 * 1024**3


def serve(port: int, folder: Path, log_url: str) -> None:
    """Serve on this port until killed."""
    store = Store(f"sqlite:///{folder / 'store.db'}")
    tables.metadata.create_all(store.engine)
    source = EdgeSource(
        id="src_1", number=1, type="javascript", write_key=WRITE_KEY, alias="a/b", upstream=""
    )
    domain = EdgeDomain(
        id="dom_1",
        workspace="wsp_1",
        name="cdp.example.test",
        cdn_host="evs.cdp.example.test",
        api_host=HOST,
        sources=(source,),
    )
    with store.write() as connection:
        feed.publish(connection, Topic.EDGE, domain.id, msgspec.json.encode(domain))
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))

    async def main() -> None:
        await serve_ingest(
            listener=listener,
            feed=open_feed(str(store.engine.url)),
            snapshot=folder / "snapshot",
            log_url=log_url,
            log_max_bytes=LOG_BYTES,
            rates=Rates(),
        )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
