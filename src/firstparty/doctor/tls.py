"""What certificate a host presents at an address, as a browser meets it."""

import asyncio
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from firstparty.config.addresses import Address
from firstparty.doctor.checks import Found, Verdict
from firstparty.model.certificates import renew_at

# Certificates are renewed with a third of their lifetime left: this late, renewals fail.
_SOON: Final = timedelta(days=7)


async def look_at_certificates(
    hosts: Sequence[str], addresses: Sequence[Address], context: ssl.SSLContext, *, now: datetime
) -> tuple[Found, ...]:
    """What each host presents at each address of the edge, verified."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_look(host, address, context, now=now))
            for host in hosts
            for address in addresses
        ]
    return tuple(task.result() for task in tasks)


async def _look(host: str, address: Address, context: ssl.SSLContext, *, now: datetime) -> Found:
    try:
        _, writer = await asyncio.open_connection(
            address.host, address.port, ssl=context, server_hostname=host
        )
    except ssl.SSLCertVerificationError as error:
        return Found(
            verdict=Verdict.FAIL,
            code="certificate-not-trusted",
            sentence=f"{host} presents a certificate at {address} that is not to be trusted: "
            f"{error.verify_message}.",
            fix="Look at the findings of the domain: the certificate authority may refuse it.",
        )
    except ssl.SSLError:
        return Found(
            verdict=Verdict.FAIL,
            code="certificate-missing",
            sentence=f"The edge at {address} has no certificate for {host}.",
            fix="Until the domain is live that is normal; afterwards, look whether ads runs.",
        )
    except OSError as error:
        return Found(
            verdict=Verdict.FAIL,
            code="edge-unreachable",
            sentence=f"Nothing answers at {address}, where the edge is: {error.strerror or error}.",
            fix="Look whether Envoy runs there, and at the setting edge.probe.",
        )
    certificate = writer.get_extra_info("peercert")
    writer.transport.abort()
    expires_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    return judge_expiry(host, expires_at, now=now)


def judge_expiry(host: str, expires_at: datetime, *, now: datetime) -> Found:
    """Whether a certificate that is trusted now will be for long enough."""
    told = f"{expires_at:%Y-%m-%d %H:%M} UTC"
    if expires_at - now < _SOON:
        return Found(
            verdict=Verdict.WARN,
            code="certificate-expires",
            sentence=f"The certificate of {host} expires at {told}.",
            fix="If its whole lifetime is not a few days, look why it is not renewed.",
        )
    return Found(
        verdict=Verdict.PASS, sentence=f"{host} presents a trusted certificate until {told}."
    )


def judge_stored(dates: tuple[datetime, datetime] | None, *, now: datetime) -> Found:
    """Whether the certificate in the store (first and last moment) is there and renewed in time."""
    if dates is None:
        return Found(
            verdict=Verdict.WARN,
            code="certificate-none",
            sentence="No certificate is in the store yet.",
            fix="It is asked for once the records are right: look at the other checks.",
        )
    renews, ends = renew_at(*dates), dates[1]
    if now >= ends:
        return Found(
            verdict=Verdict.FAIL,
            code="certificate-expired",
            sentence=f"The certificate expired at {ends:%Y-%m-%d %H:%M} UTC.",
            fix="Look at the findings of the domain: they say why it is not renewed.",
        )
    told = f"The certificate is valid until {ends:%Y-%m-%d %H:%M} UTC"
    if now >= renews:
        return Found(
            verdict=Verdict.WARN,
            code="renewal-late",
            sentence=f"{told}, and was due for renewal at {renews:%Y-%m-%d %H:%M} UTC.",
            fix="Wait an hour; then look at the findings of the domain.",
        )
    return Found(
        verdict=Verdict.PASS,
        sentence=f"{told}; it is renewed by {renews:%Y-%m-%d %H:%M} UTC.",
    )
