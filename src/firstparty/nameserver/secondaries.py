"""What serves secondaries, put together; imported only where there are any (a DNS library)."""

from firstparty.config.addresses import parse_address
from firstparty.config.settings import TransferSettings
from firstparty.nameserver.notify import Notifier
from firstparty.nameserver.responder import Responder
from firstparty.nameserver.transfers import Transfers
from firstparty.nameserver.zones import Zones


def serve_secondaries(zones: Zones, responder: Responder, settings: TransferSettings) -> Notifier:
    """Give zones to whoever has the key, and tell secondaries of changes while it runs.

    MUST be called before the zones are loaded. Raises ConfigError.
    """
    addresses = [parse_address(text, key="nameserver.transfer.notify") for text in settings.notify]
    published = zones.publish()
    transfers = Transfers(published, settings, responder.answer_plainly)
    responder.answer_signed = transfers.answer
    notifier = Notifier(addresses, transfers.key)
    published.on_change = notifier.changed
    return notifier
