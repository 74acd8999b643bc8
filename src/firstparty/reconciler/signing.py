"""Signs the zones that are published. Each has a key of its own, sealed with control's key.

What is in front gets signed records and no key. Signatures last 21 days and are made anew when 14
are left, so that a control plane that is away for a fortnight makes no zone bogus.
"""

from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace
from sqlalchemy import Connection

from firstparty.model.dnssec import SIGN_AGAIN_BEFORE, SIGNATURES_LAST
from firstparty.model.feed import SignedZone, Zone
from firstparty.model.key_rolls import KeyRoll, RollState
from firstparty.store import zone_keys
from firstparty.store.sealing import Sealer
from firstparty.zones.contents import build_contents
from firstparty.zones.packing import pack_contents
from firstparty.zones.signing import ZoneSigner, make_private_key


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    """Who signs, the other key while one is replaced, and whose DS the parent should have."""

    signer: ZoneSigner
    beside: ZoneSigner | None
    announced: ZoneSigner


class Signing:
    """Signs with keys from the store, and makes those that are missing."""

    def __init__(self, sealer: Sealer, service_domain: str) -> None:
        """``sealer`` is control's."""
        self._sealer = sealer
        self._service_domain = service_domain

    def sign(
        self,
        connection: Connection,
        domain_id: str,
        zone: Zone,
        *,
        roll: KeyRoll | None = None,
        now: datetime,
    ) -> Zone:
        """The zone with its signatures; itself while those that it has are good for long.

        Signed again it has a new serial, so that secondaries take it. ``roll`` is the replacement
        of its key that is under way.
        """
        due_at = sign_again_at(zone)
        if due_at is not None and now < due_at and _has_right_keys(zone, roll):
            return zone
        if due_at is not None:
            zone = replace(zone, serial=max(int(now.timestamp()), zone.serial + 1))
        keys = self._choose(self._load_key(connection, domain_id, now=now), roll)
        until = now + SIGNATURES_LAST
        contents = build_contents(zone, service_domain=self._service_domain)
        contents = keys.signer.sign(
            contents, beside=keys.beside, announced=keys.announced, now=now, until=until
        )
        others = {keys.signer.dnskey, (keys.beside or keys.signer).dnskey}
        signed = SignedZone(
            records=pack_contents(contents),
            dnskey=keys.announced.dnskey,
            other_dnskey=next(iter(others - {keys.announced.dnskey}), b""),
            expires_at=until,
        )
        return replace(zone, signed=signed)

    def make_key(self, domain_id: str) -> tuple[bytes, bytes]:
        """A new key: its DNSKEY rdata, and its private part, sealed."""
        private = make_private_key()
        return ZoneSigner(private).dnskey, self._sealer.seal(private, context=_context(domain_id))

    def _choose(self, old: ZoneSigner, roll: KeyRoll | None) -> _Keys:
        if roll is None or not roll.sealed_key:
            return _Keys(signer=old, beside=None, announced=old)
        new = ZoneSigner(self._sealer.open(roll.sealed_key, context=_context(roll.domain_id)))
        if roll.state is RollState.INTRODUCED:
            return _Keys(signer=old, beside=new, announced=old)
        return _Keys(signer=new, beside=old, announced=new)

    def _load_key(self, connection: Connection, domain_id: str, *, now: datetime) -> ZoneSigner:
        sealed = zone_keys.load_sealed_key(connection, domain_id)
        if sealed is None:
            dnskey, sealed = self.make_key(domain_id)
            zone_keys.add_zone_key(connection, domain_id, dnskey=dnskey, sealed_key=sealed, now=now)
        return ZoneSigner(self._sealer.open(sealed, context=_context(domain_id)))


def _has_right_keys(zone: Zone, roll: KeyRoll | None) -> bool:
    """Whether a signed zone has the keys, and the signer, that this state of the roll wants."""
    signed = zone.signed
    if signed is None:
        return False
    if roll is None or not roll.sealed_key:
        return not signed.other_dnskey
    there = signed.other_dnskey if roll.state is RollState.INTRODUCED else signed.dnskey
    return there == roll.dnskey


def _context(domain_id: str) -> str:
    return f"zone:{domain_id}"


def sign_again_at(zone: Zone) -> datetime | None:
    """When the signatures of a zone are due to be made anew; None: it has none."""
    return None if zone.signed is None else zone.signed.expires_at - SIGN_AGAIN_BEFORE
