"""What still arrives at a draining domain, and what of it waits: read from the spool."""

from collections.abc import Sequence

from firstparty.errors import Unavailable
from firstparty.events.ledger import read_ledger
from firstparty.events.spool import open_spool
from firstparty.reconciler.traffic import HostsTraffic, TrafficAnswer
from firstparty.spool.meter import Part, Reading, read_meter


class SpoolTraffic:
    """A TrafficProbe that reads the log's server, opened for each question."""

    def __init__(self, log_url: str) -> None:
        self._log_url = log_url

    async def ask_traffic(self, domain_id: str, sources: Sequence[int]) -> TrafficAnswer:
        """See TrafficProbe."""
        try:
            async with open_spool(self._log_url) as spool:
                hosts = sum_up(await read_meter(spool.log, domain_id))
                if not sources:
                    return TrafficAnswer(hosts=hosts, undelivered=0)
                now = await read_ledger(spool.log, spool.outcomes)
        except Unavailable:
            return TrafficAnswer(hosts=None, undelivered=None)
        waiting = sum(
            account.waiting for number, account in now.ledger.accounts.items() if number in sources
        )
        # More may be in what is not counted: then it is not known that nothing waits.
        is_known = waiting > 0 or not now.uncounted_groups
        return TrafficAnswer(hosts=hosts, undelivered=waiting if is_known else None)


def sum_up(readings: Sequence[Reading]) -> HostsTraffic:
    """The traffic that all processes together have counted."""
    return HostsTraffic(
        cdn_requests=sum(one.requests for one in readings if one.part is Part.CDN),
        api_requests=sum(one.requests for one in readings if one.part is Part.API),
        last_request_at=max((one.at for one in readings), default=None),
    )
