"""Signs the zones that are published. Each has a key of its own, sealed with control's key.

What is in front gets signed records and no key. Signatures last 21 days and are made anew when 14
are left, so that a control plane that is away for a fortnight makes no zone bogus.
"""

from datetime import datetime

from msgspec.structs import replace
from sqlalchemy import Connection

from firstparty.model.dnssec import SIGN_AGAIN_BEFORE, SIGNATURES_LAST
from firstparty.model.feed import SignedZone, Zone
from firstparty.store import zone_keys
from firstparty.store.sealing import Sealer
from firstparty.zones.contents import build_contents
from firstparty.zones.packing import pack_contents
from firstparty.zones.signing import ZoneSigner, make_private_key


class Signing:
    """Signs with keys from the store, and makes those that are missing."""

    def __init__(self, sealer: Sealer, service_domain: str) -> None:
        """``sealer`` is control's."""
        self._sealer = sealer
        self._service_domain = service_domain

    def sign(self, connection: Connection, domain_id: str, zone: Zone, *, now: datetime) -> Zone:
        """The zone with its signatures; itself while those that it has are good for long.

        Signed again it has a new serial, so that secondaries take it.
        """
        due_at = sign_again_at(zone)
        if due_at is not None and now < due_at:
            return zone
        if due_at is not None:
            zone = replace(zone, serial=max(int(now.timestamp()), zone.serial + 1))
        signer = ZoneSigner(self._load_key(connection, domain_id, now=now))
        until = now + SIGNATURES_LAST
        contents = build_contents(zone, service_domain=self._service_domain)
        records = pack_contents(signer.sign(contents, now=now, until=until))
        signed = SignedZone(records=records, dnskey=signer.dnskey, expires_at=until)
        return replace(zone, signed=signed)

    def _load_key(self, connection: Connection, domain_id: str, *, now: datetime) -> bytes:
        context = f"zone:{domain_id}"
        sealed = zone_keys.load_sealed_key(connection, domain_id)
        if sealed is not None:
            return self._sealer.open(sealed, context=context)
        private = make_private_key()
        zone_keys.add_zone_key(
            connection,
            domain_id,
            dnskey=ZoneSigner(private).dnskey,
            sealed_key=self._sealer.seal(private, context=context),
            now=now,
        )
        return private


def sign_again_at(zone: Zone) -> datetime | None:
    """When the signatures of a zone are due to be made anew; None: it has none."""
    return None if zone.signed is None else zone.signed.expires_at - SIGN_AGAIN_BEFORE
