from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from firstparty.edge.resources import Resources
from firstparty.edge.stream import Stream
from firstparty.edge.xds import SECRET_TYPE, DeltaRequest, DeltaResponse
from firstparty.model.feed import EdgeCertificate, FeedEntry, Topic
from firstparty.store.sealing import Sealer
from tests.builders import an_edge_domain
from tests.pairs import Pair, TestAuthority

NOW = datetime.now(UTC)
SEALER = Sealer(b"k" * 32)
AUTHORITY = TestAuthority()
CDN, API = "evs.cdp.shop.test", "api.cdp.shop.test"


class Told:
    """A stream over resources that tests change, and what it said."""

    def __init__(self) -> None:
        self.resources = Resources(SEALER, https_port=443)
        self.stream = Stream(self.resources)
        self.revision = 0

    def publish(self, pair: Pair | None) -> list[DeltaResponse]:
        self.revision += 1
        certificate = pair and EdgeCertificate(
            id="crt_1",
            chain=pair.chain,
            sealed_key=SEALER.seal(pair.key, context="certificate:crt_1"),
            not_after=NOW + timedelta(days=9),
        )
        body = msgspec.json.encode(an_edge_domain(certificate=certificate))
        return self._change(body)

    def remove(self) -> list[DeltaResponse]:
        self.revision += 1
        return self._change(None)

    def _change(self, body: bytes | None) -> list[DeltaResponse]:
        entry = FeedEntry(revision=self.revision, topic=Topic.EDGE, key="dom_1", body=body)
        return self.stream.update(self.resources.apply([entry]), now=NOW)

    def ask(self, *names: str, **parts: object) -> list[DeltaResponse]:
        request = DeltaRequest(type_url=SECRET_TYPE, subscribe=names, **parts)
        return self.stream.answer(request, now=NOW)

    def settle(self, response: DeltaResponse, *, error: str | None = None) -> list[DeltaResponse]:
        return self.ask(response_nonce=response.nonce, error=error)

    def version(self) -> str | None:
        return self.resources.version((SECRET_TYPE, CDN))


def good() -> Pair:
    return AUTHORITY.issue(CDN, API)


def expired() -> Pair:
    return AUTHORITY.issue(CDN, API, days=1, age=timedelta(days=2))


def told(*responses: DeltaResponse) -> list[str]:
    return [
        f"+{response.resource.name}" if response.resource else f"-{','.join(response.removed)}"
        for response in responses
    ]


def test_an_unknown_name_is_answered_removed_at_once() -> None:
    assert told(*Told().ask("nobody.test")) == ["-nobody.test"]


def test_each_name_is_answered_by_a_response_of_its_own() -> None:
    edge = Told()
    edge.publish(good())
    responses = edge.ask(CDN, "nobody.test", API)

    assert told(*responses) == [f"+{CDN}", "-nobody.test", f"+{API}"]
    assert len({response.nonce for response in responses}) == 3


def test_nothing_is_pushed_that_was_not_asked_for() -> None:
    assert Told().publish(good()) == []


def test_a_renewed_secret_is_pushed_and_the_same_one_is_not() -> None:
    edge, pair = Told(), good()
    edge.publish(pair)
    (first,) = edge.ask(CDN)
    edge.settle(first)

    assert told(*edge.publish(good())) == [f"+{CDN}"]


def test_a_change_that_leaves_the_secret_as_it_was_is_not_pushed() -> None:
    edge = Told()
    edge.publish(good())
    (first,) = edge.ask(CDN)
    edge.settle(first)
    same = edge.stream.update([(SECRET_TYPE, CDN)], now=NOW)

    assert same == []


def test_a_removed_secret_is_withdrawn() -> None:
    edge = Told()
    edge.publish(good())
    (first,) = edge.ask(CDN)
    edge.settle(first)

    assert told(*edge.remove()) == [f"-{CDN}"]


def test_after_an_unsubscription_nothing_is_pushed() -> None:
    edge = Told()
    edge.publish(good())
    edge.ask(CDN)
    edge.ask(unsubscribe=(CDN,))

    assert edge.publish(good()) == []


def test_after_a_reconnect_only_what_differs_is_sent() -> None:
    edge = Told()
    edge.publish(good())
    version = edge.version()
    edge.stream = Stream(edge.resources)
    known = {CDN: version, API: "an older one", "gone.test": "1"}

    assert told(*edge.ask(CDN, API, "gone.test", known=known)) == [f"+{API}", "-gone.test"]
    assert told(*edge.remove()) == [f"-{CDN}"]


def test_a_name_asked_for_again_is_sent_again() -> None:
    edge = Told()
    edge.publish(good())
    (first,) = edge.ask(CDN)
    edge.settle(first)

    assert told(*edge.ask(CDN)) == [f"+{CDN}"]


def test_a_first_secret_that_envoy_rejects_is_withdrawn_and_not_tried_again() -> None:
    edge = Told()
    edge.publish(good())
    (first,) = edge.ask(CDN)

    assert told(*edge.settle(first, error="bad")) == [f"-{CDN}"]
    assert told(*edge.ask(CDN)) == [f"-{CDN}"]
    assert told(*edge.publish(good())) == [f"+{CDN}"]


def test_a_renewed_secret_that_envoy_rejects_leaves_the_earlier_one() -> None:
    edge = Told()
    edge.publish(good())
    (first,) = edge.ask(CDN)
    edge.settle(first)
    (second,) = edge.publish(good())

    assert edge.settle(second, error="bad") == []


def test_a_pair_that_cannot_be_used_never_replaces_one_that_works() -> None:
    edge = Told()
    edge.publish(good())
    (first,) = edge.ask(CDN)
    edge.settle(first)

    assert edge.publish(expired()) == []


def test_a_first_pair_that_cannot_be_used_is_answered_removed() -> None:
    edge = Told()
    edge.publish(expired())

    assert told(*edge.ask(CDN)) == [f"-{CDN}"]


def test_a_pair_that_cannot_be_used_is_logged_once_however_often_it_is_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    edge = Told()
    edge.publish(expired())
    for _ in range(3):
        edge.ask(CDN)

    assert caplog.messages == ["edge.certificate_unusable"]


def test_what_changes_before_it_is_acknowledged_is_sent_after() -> None:
    edge = Told()
    edge.publish(good())
    (first,) = edge.ask(CDN)

    assert edge.publish(good()) == []
    assert edge.publish(good()) == []
    assert told(*edge.settle(first)) == [f"+{CDN}"]


def test_what_was_withdrawn_before_it_is_acknowledged_is_removed_after() -> None:
    edge = Told()
    edge.publish(good())
    (first,) = edge.ask(CDN)

    assert edge.remove() == []
    assert told(*edge.settle(first)) == [f"-{CDN}"]
