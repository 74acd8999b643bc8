"""When certificates are renewed: by their lifetime, and as their CA advises within bounds."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from firstparty.certs.progress import OrderProgress, TryLater
from firstparty.certs.renewal import (
    ASK_AGAIN,
    Advice,
    NoAdvice,
    advised_time,
    certificate_id,
    read_advice,
)
from firstparty.model.certificates import Certificate
from firstparty.model.domains import Domain
from firstparty.model.findings import Severity
from firstparty.model.status import CertificateStatus, Word
from firstparty.reconciler.choice import Choice
from firstparty.store import tables
from tests.builders import NOW
from tests.fakes.authority import AuthorityInMemory
from tests.fakes.outside import Clock
from tests.fakes.reconciled import World

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LIFETIMES = (90 * DAY, 45 * DAY, timedelta(hours=160))


def a_certificate(lifetime: timedelta = 90 * DAY, **parts: Any) -> Certificate:
    good: dict[str, Any] = {
        "id": "crt_1",
        "domain_id": "dom_1",
        "authority": "ca",
        "names": ("evs.cdp.shop.test",),
        "chain": "",
        "sealed_key": b"",
        "not_before": NOW - HOUR,
        "not_after": NOW - HOUR + lifetime,
        "created_at": NOW,
    }
    return Certificate(**(good | parts))


def a_leaf(key_identifier: bytes | None, serial: int) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW)
        .not_valid_after(NOW + DAY)
    )
    if key_identifier is not None:
        extension = x509.AuthorityKeyIdentifier(key_identifier, None, None)
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256())


def test_the_id_of_a_certificate_is_that_of_the_rfcs_example() -> None:
    key_identifier = base64.urlsafe_b64decode("aYhba4dGQEHhs3uEe6CuLN4ByNQ=")

    assert certificate_id(a_leaf(key_identifier, 0x87654321)) == (
        "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
    )
    assert certificate_id(a_leaf(key_identifier, 0x7F)) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.fw"
    assert certificate_id(a_leaf(None, 1)) is None


def a_document(start: str, end: str, **more: Any) -> dict[str, Any]:
    return {"suggestedWindow": {"start": start, "end": end}, **more}


GOOD = a_document("2026-12-01T00:00:00Z", "2026-12-03T00:00:00+01:00")


def test_a_window_is_read_with_when_to_ask_again() -> None:
    advice = read_advice(GOOD, retry_after=6 * HOUR)

    assert advice == Advice(
        start=datetime(2026, 12, 1, tzinfo=UTC),
        end=datetime(2026, 12, 2, 23, tzinfo=UTC),
        again=6 * HOUR,
    )


@pytest.mark.parametrize(
    ("said", "kept"), [(timedelta(), timedelta(minutes=1)), (365 * DAY, DAY), (HOUR, HOUR)]
)
def test_when_to_ask_again_has_bounds(said: timedelta, kept: timedelta) -> None:
    advice = read_advice(GOOD, retry_after=said)

    assert advice.again == kept


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "window",
        {},
        {"suggestedWindow": []},
        {"suggestedWindow": {"start": 1, "end": 2}},
        a_document("2026-12-03T00:00:00Z", "2026-12-01T00:00:00Z"),
        a_document("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        a_document("2026-12-01T00:00:00", "2026-12-02T00:00:00"),
        a_document("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"),
        a_document("soon", "later"),
    ],
)
def test_a_document_that_makes_no_sense_is_no_advice(document: object) -> None:
    answer = read_advice(document, retry_after=HOUR)

    assert isinstance(answer, NoAdvice)
    assert answer.again == ASK_AGAIN


def test_without_a_retry_after_there_is_no_advice() -> None:
    assert isinstance(read_advice(GOOD, retry_after=None), NoAdvice)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://a\n", 5, "https://" + "a" * 9999])
def test_an_explanation_that_is_no_web_page_is_not_kept(url: object) -> None:
    advice = read_advice(GOOD | {"explanationURL": url}, retry_after=HOUR)

    assert isinstance(advice, Advice)
    assert advice.explanation_url == ""


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda s: (
            st.lists(s)
            | st.dictionaries(
                st.sampled_from(["suggestedWindow", "start", "end", "explanationURL"]), s
            )
        ),
    )
)
def test_whatever_a_ca_answers_is_advice_or_none(document: object) -> None:
    assert isinstance(read_advice(document, retry_after=HOUR), Advice | NoAdvice)


@given(
    start=st.datetimes(timezones=st.just(UTC)),
    length=st.timedeltas(timedelta(seconds=1), timedelta(days=9999)),
    lifetime=st.sampled_from(LIFETIMES),
    number=st.integers(0, 999),
)
def test_whatever_is_advised_a_certificate_is_renewed_in_time_and_not_in_a_loop(
    start: datetime, length: timedelta, lifetime: timedelta, number: int
) -> None:
    end = start + min(length, datetime.max.replace(tzinfo=UTC) - start)
    there = a_certificate(lifetime, id=f"crt_{number}")
    at = advised_time(Advice(start=start, end=end, again=HOUR), share=there.share)
    due_at = a_certificate(lifetime, id=there.id, renew_at=at).due_at

    assert due_at <= there.not_after - lifetime / 20
    assert due_at >= there.created_at + min(12 * HOUR, lifetime / 10)


@pytest.mark.parametrize(
    ("lifetime", "latest_left"), [*zip(LIFETIMES, (1 / 3, 1 / 3, 1 / 2), strict=True)]
)
def test_ten_thousand_certificates_of_one_day_are_renewed_over_a_twentieth_of_their_life(
    lifetime: timedelta, latest_left: float
) -> None:
    due = sorted(a_certificate(lifetime, id=f"crt_{n}").due_at for n in range(10_000))
    last = a_certificate(lifetime).not_after - lifetime * latest_left
    tenths = [0] * 10
    for at in due:
        tenths[min(int((last - at) / (lifetime / 20) * 10), 9)] += 1

    assert due[-1] <= last
    assert due[0] >= last - lifetime / 20
    assert max(tenths) < 1_200  # of 1,000 each, were it perfectly even


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.make(tmp_path)
    yield made
    made.store.close()


async def a_live_domain(world: World, **parts: Any) -> tuple[Domain, AuthorityInMemory]:
    authority = AuthorityInMemory(clock=world.outside.clock, name="ca", **parts)
    world.outside.choices = (Choice(authority=authority),)
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)
    await world.step()
    return domain, authority


async def step_until_renewed(world: World, most: int = 30) -> None:
    for _ in range(most):
        if world.count(tables.certificates) > 1:
            return
        await world.step()


@pytest.mark.parametrize("lifetime", LIFETIMES)
async def test_a_certificate_of_any_lifetime_is_renewed_long_before_its_end(
    lifetime: timedelta, world: World
) -> None:
    domain, _ = await a_live_domain(world, lifetime=lifetime)
    there = world.case(domain).certificate
    assert there is not None
    world.outside.clock.advance(lifetime * 0.44)
    for _ in range(4):
        await world.step()
    early = world.count(tables.certificates)
    world.outside.clock.now = there.due_at
    await step_until_renewed(world)

    assert (early, world.count(tables.certificates)) == (1, 2)
    assert there.not_after - world.outside.clock() > lifetime / 4


async def test_a_window_in_the_past_renews_now_and_names_what_it_replaces(world: World) -> None:
    advice = Advice(start=NOW - 9 * DAY, end=NOW - 8 * DAY, again=HOUR)
    domain, authority = await a_live_domain(world, advice=advice)
    first = world.case(domain).certificate
    world.outside.clock.advance(13 * HOUR)
    await step_until_renewed(world)
    again = world.case(domain).certificate
    for _ in range(30):
        await world.step()

    assert first is not None
    assert again is not None
    leaf = x509.load_pem_x509_certificate(first.chain.encode())
    assert authority.replaced == ["", certificate_id(leaf)]
    assert world.count(tables.certificates) == 2  # the same advice again: not before 12 hours


async def test_advice_that_comes_to_nothing_leaves_the_renewal_where_it_was(world: World) -> None:
    domain, _ = await a_live_domain(world, advice=NoAdvice(reason="nonsense", again=ASK_AGAIN))
    there = world.case(domain).certificate

    assert there is not None
    assert (there.renew_at, there.has_advice) == (None, False)
    assert there.ask_at == world.outside.clock() + ASK_AGAIN
    assert world.seen(domain).statuses.certificate is CertificateStatus.VALID


async def test_after_a_refusal_a_renewal_is_ordered_as_if_nothing_was_advised(
    world: World,
) -> None:
    advice = Advice(start=NOW - 2 * DAY, end=NOW - DAY, again=HOUR)
    _, authority = await a_live_domain(world, advice=advice)
    world.outside.clock.advance(13 * HOUR)
    authority.refuse = True
    while len(authority.replaced) < 2:
        await world.step()
    for _ in range(10):
        await world.step()
    authority.refuse = False
    await step_until_renewed(world)

    assert authority.replaced[1] != ""
    assert authority.replaced[-1] == ""


async def test_a_renewal_that_does_not_happen_raises_an_alarm_in_time_and_a_louder_one_later(
    world: World,
) -> None:
    domain, authority = await a_live_domain(world)
    there = world.case(domain).certificate
    assert there is not None
    authority.misbehave = [TryLater(reason="away")] * 10_000
    said = []
    for share in (0.4, 0.6, 0.8, 1.01):
        world.outside.clock.now = there.due_at + (there.not_after - there.due_at) * share
        for _ in range(6):
            await world.step()
        findings = world.seen(domain).findings
        said.append([one.severity for one in findings if one.code == "certificate-expires"])

    assert said == [[], [Severity.WARNING], [Severity.FAILING], [Severity.FAILING]]


class SlowAuthority(AuthorityInMemory):
    """It takes two hours to answer, and dates what it issues an hour back."""

    async def advance(self, url: str, csr: bytes) -> OrderProgress:
        if self.orders[url].polls == 1:  # the call that gets the certificate
            assert isinstance(self.clock, Clock)
            self.clock.advance(2 * HOUR)
        return await super().advance(url, csr)


async def test_what_a_slow_ca_issued_is_not_taken_for_one_of_the_future(world: World) -> None:
    authority = SlowAuthority(clock=world.outside.clock, name="slow")
    world.outside.choices = (Choice(authority=authority),)
    domain = world.ask_for()
    world.delegate(domain)
    await world.until(domain, Word.LIVE)

    assert world.count(tables.orders) == 1
