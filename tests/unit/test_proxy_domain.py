"""A domain that is its owner's own proxy: what a check of it comes to."""

from datetime import timedelta
from pathlib import Path

import pytest

from firstparty.model.domains import Domain, Mode, OwnProxy
from firstparty.model.findings import Severity
from firstparty.model.status import CertificateStatus, DnsStatus, Intent, Word
from firstparty.proxies.result import Status
from firstparty.store import tables
from tests.fakes.outside import ProxiesInMemory
from tests.fakes.reconciled import World

PROXY = OwnProxy(
    cdn_host="evs.shop.test",
    api_host="api.shop.test",
    provider="cloudflare-worker",
    target="d111.cloudfront.net.",
)
FAILS = (Status.FAIL, "settings-not-proxied")
NO_ADDRESS = {
    "cdn.dns": (Status.FAIL, "no-address"),
    "cdn.tls": (Status.SKIP, None),
    "cdn.settings": (Status.SKIP, None),
}


class Watched:
    """A world with one proxy in it."""

    def __init__(self, folder: Path) -> None:
        self.world = World.make(folder)
        self.proxies = ProxiesInMemory()
        self.world.outside.proxies = self.proxies
        self.domain: Domain = self.world.ask_for(
            name="evs.shop.test", mode=Mode.PROXY, own_proxy=PROXY
        )

    @property
    def word(self) -> Word:
        return self.world.word(self.domain)

    @property
    def codes(self) -> list[str]:
        return self.world.codes(self.domain)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


async def test_a_proxy_that_passes_is_live_at_the_first_look(watched: Watched) -> None:
    await watched.world.step()
    seen = watched.world.seen(watched.domain)

    assert watched.word is Word.LIVE
    assert watched.codes == []
    assert [(one.name, one.value) for one in seen.seen] == [
        ("evs.shop.test.", "d111.cloudfront.net."),
        ("api.shop.test.", "d111.cloudfront.net."),
    ]
    assert watched.world.count(tables.feed) == 0  # nothing of it is ours to answer for
    assert watched.world.count(tables.orders) == 0


async def test_test_messages_are_sent_once_all_else_passes_and_never_again(
    watched: Watched,
) -> None:
    watched.proxies.faults = {"cdn.settings": FAILS}
    await watched.world.step()
    before = [target.write_key for target in watched.proxies.targets]
    watched.proxies.faults = {}
    for _ in range(4):
        await watched.world.step()

    assert before == [None]
    assert [one.write_key for one in watched.proxies.targets[1:]] == [
        None,
        "WKSHOPWEB",
        *[None] * 3,
    ]
    assert {one.provider for one in watched.proxies.targets} == {"cloudflare"}


async def test_a_proxy_that_takes_no_message_is_not_live(watched: Watched) -> None:
    watched.proxies.faults = {"api.authorization": (Status.FAIL, "authorization-dropped")}
    await watched.world.step()
    [finding] = watched.world.seen(watched.domain).findings

    assert watched.word is Word.ISSUING
    assert finding.code == "proxy-authorization-dropped"
    assert finding.severity is Severity.PENDING
    assert "Pass the Authorization header on." in finding.sentence
    assert "api.authorization" in finding.sentence


async def test_while_it_has_no_address_it_waits_and_is_asked_ever_more_slowly(
    watched: Watched,
) -> None:
    watched.proxies.faults = NO_ADDRESS
    await watched.world.step()
    first = watched.world.due_at_next()
    watched.world.outside.clock.advance(timedelta(days=2))
    await watched.world.step()
    later = watched.world.due_at_next()
    watched.world.outside.clock.advance(timedelta(days=13))
    await watched.world.step()

    assert watched.word is Word.WAITING
    assert (first, later) == (timedelta(seconds=10), timedelta(minutes=15))
    assert watched.world.due_at_next() is None
    assert watched.codes == ["proxy-rests", "proxy-no-address"]


async def test_one_bad_look_is_no_news_and_two_are(watched: Watched) -> None:
    await watched.world.step()
    watched.proxies.faults = {"cdn.settings": FAILS, "cdn.cors": (Status.SKIP, None)}
    started = watched.world.outside.clock()
    await watched.world.step()
    after_one = (watched.word, watched.codes)
    await watched.world.step()
    known_after = watched.world.outside.clock() - started
    [finding] = watched.world.seen(watched.domain).findings

    assert after_one == (Word.LIVE, [])
    assert watched.word is Word.FAILING
    assert (finding.code, finding.severity) == ("proxy-settings-not-proxied", Severity.FAILING)
    assert known_after < timedelta(minutes=5)

    watched.proxies.faults = {}
    await watched.world.steps(2)

    assert watched.world.words(watched.domain) == ["live", "failing", "live"]


async def test_what_should_be_changed_is_said_and_does_not_stop_it(watched: Watched) -> None:
    watched.proxies.faults = {"cdn.cookies": (Status.WARN, "cookies-set")}
    await watched.world.step()
    [finding] = watched.world.seen(watched.domain).findings

    assert watched.word is Word.LIVE
    assert (finding.code, finding.severity) == ("proxy-cookies-set", Severity.WARNING)


async def test_an_expired_certificate_fails_a_live_proxy(watched: Watched) -> None:
    await watched.world.step()
    watched.proxies.faults = {"api.tls": (Status.FAIL, "certificate-expired")}
    for _ in range(2):
        await watched.world.step()
    statuses = watched.world.seen(watched.domain).statuses

    assert watched.word is Word.FAILING
    assert statuses.certificate is CertificateStatus.FAILING
    assert statuses.dns is DnsStatus.SERVING


async def test_a_proxy_can_be_paused_resumed_and_removed(watched: Watched) -> None:
    watched.proxies.faults = NO_ADDRESS
    await watched.world.step()
    watched.world.change_intent(watched.domain, Intent.PAUSED)
    await watched.world.step()
    paused = watched.word
    watched.world.outside.clock.advance(timedelta(days=30))
    watched.world.change_intent(watched.domain, Intent.ACTIVE)
    watched.proxies.faults = {}
    await watched.world.step()
    resumed = watched.word
    watched.world.change_intent(watched.domain, Intent.REMOVED)
    await watched.world.steps(4)

    assert (paused, resumed, watched.word) == (Word.PAUSED, Word.LIVE, Word.REMOVED)
    assert watched.world.due_at_next() is None


async def test_two_workspaces_may_watch_one_proxy(watched: Watched) -> None:
    other = watched.world.ask_for(
        id="dom_2",
        workspace_id="wsp_2",
        name="evs.shop.test",
        token="tokenofthisclaim0002",
        mode=Mode.PROXY,
        own_proxy=PROXY,
        source_ids=(),
    )
    await watched.world.step()

    assert watched.word is watched.world.word(other) is Word.LIVE


async def test_a_new_finding_under_the_same_word_is_in_the_history_once_seen_twice(
    watched: Watched,
) -> None:
    await watched.world.step()
    watched.proxies.faults = {"cdn.cookies": (Status.WARN, "cookies-set")}
    await watched.world.step()
    after_one = watched.world.words(watched.domain)
    for _ in range(3):
        await watched.world.step()
    after_more = watched.world.words(watched.domain)
    watched.proxies.faults |= {"api.cookies": (Status.WARN, "query-dropped")}
    for _ in range(3):
        await watched.world.step()

    assert after_one == ["live"]
    assert after_more == ["live", "live"]
    assert watched.world.words(watched.domain) == ["live", "live", "live"]
