"""Messages that are signed with a key we share with secondaries (TSIG, RFC 8945)."""

import base64
import binascii
import struct
import time
from typing import Final

import dns.exception
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TSIG
import dns.tsig

from firstparty.config.addresses import ConfigError

_FUDGE_SECONDS: Final = 300
_ADDITIONAL: Final = slice(10, 12)  # in the header
_MIN_SECRET_OCTETS: Final = 16


def parse_key(name: str, secret: str) -> dns.tsig.Key:
    """The key of the settings (HMAC-SHA256, ``secret`` in base64); raises ConfigError."""
    try:
        octets = base64.b64decode(secret, validate=True)
        key_name = dns.name.from_text(name)
    except (binascii.Error, ValueError, dns.exception.DNSException) as error:
        raise ConfigError(f"nameserver.transfer: key or secret: {error}") from error
    if len(octets) < _MIN_SECRET_OCTETS:
        raise ConfigError(
            "nameserver.transfer.secret: at least 16 octets in base64 (openssl rand -base64 32)"
        )
    return dns.tsig.Key(key_name, octets, dns.tsig.HMAC_SHA256)


def read_signed(wire: bytes, key: dns.tsig.Key) -> dns.message.Message | None:
    """The message, if it is well formed and rightly signed with ``key``; else None."""
    try:
        message = dns.message.from_wire(wire, keyring={key.name: key})
    except (dns.exception.DNSException, ValueError, struct.error):
        return None
    return message if message.had_tsig else None


class Signer:
    """Signs the messages of one answer, each chained to the one before (RFC 8945 §5.3.1)."""

    def __init__(self, key: dns.tsig.Key, request: dns.message.Message) -> None:
        self._key = key
        self._request_mac = request.mac
        self._context: dns.tsig.HMACTSig | dns.tsig.GSSTSig | None = None
        self._template = dns.rdtypes.ANY.TSIG.TSIG(  # type: ignore[no-untyped-call]
            dns.rdataclass.ANY,
            dns.rdatatype.TSIG,
            key.algorithm,
            0,
            _FUDGE_SECONDS,
            b"",
            request.id,
            0,
            b"",
        )

    def sign(self, wire: bytes) -> bytes:
        """The message with its TSIG record at the end."""
        tsig, self._context = dns.tsig.sign(  # type: ignore[no-untyped-call]
            wire,
            self._key,
            self._template,
            int(time.time()),
            self._request_mac,
            self._context,
            multi=True,
        )
        rdata = tsig.to_wire() or b""
        owner = self._key.name.to_wire() or b""
        record = owner + struct.pack(">HHIH", dns.rdatatype.TSIG, dns.rdataclass.ANY, 0, len(rdata))
        count = int.from_bytes(wire[_ADDITIONAL], "big") + 1
        return wire[:10] + count.to_bytes(2, "big") + wire[12:] + record + rdata
