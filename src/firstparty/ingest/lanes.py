"""What becomes of requests, counted for charts: by host and source, without a look at the clock."""

from typing import Final

from firstparty.ingest.write_keys import ApiHost
from firstparty.spool.traffic import REFUSED, Cells, Traffic, domain_subject, source_subject


class Lanes:
    """The counts of one process; a lane is those of one source at one host."""

    def __init__(self) -> None:
        self.traffic: Final = Traffic()

    def find(self, host: ApiHost, source: int) -> Cells:
        """The lane, opened where there was none."""
        lane = host.lanes.get(source)
        if lane is None:
            subjects = domain_subject(host.domain_id), source_subject(source)
            lane = host.lanes[source] = self.traffic.cells(*subjects)
        return lane

    def refuse(self, host: ApiHost | None, source: int | None, code: str) -> None:
        """A request for this host was refused, and for this source if it is known."""
        if host is None:
            return
        if source is None:
            lane = self.traffic.cells(domain_subject(host.domain_id))
        else:
            lane = self.find(host, source)
        lane[REFUSED + code] += 1
