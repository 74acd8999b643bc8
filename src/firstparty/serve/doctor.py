"""Which checks the doctor has for a domain: made of the parts that look at it anyway."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from firstparty.config.addresses import parse_address
from firstparty.config.settings import Settings
from firstparty.doctor.checks import Check, Found, Look, Verdict, read_findings
from firstparty.doctor.tls import judge_stored, look_at_certificates
from firstparty.errors import Unavailable
from firstparty.events.ledger import read_ledger
from firstparty.events.spool import open_spool
from firstparty.model.claims import cname_targets
from firstparty.model.domains import Mode
from firstparty.model.status import Word, derive_word
from firstparty.reconciler.case import Case, load_case
from firstparty.reconciler.edge_client import ask_edge
from firstparty.reconciler.edge_probe import HttpsEdgeProbe
from firstparty.reconciler.public_dns import build_public_dns
from firstparty.reconciler.serve import build_service, build_trust
from firstparty.reconciler.verification import ask_owners_dns
from firstparty.reconciler.watch import ask_hosts, judge_hosts
from firstparty.serve.browser_doctor import build_browser_check
from firstparty.serve.site_doctor import list_site_checks
from firstparty.sitecheck.check import Queue
from firstparty.spool.room import Room, ask_room
from firstparty.store.engine import Store

_QUICK: Final = timedelta(seconds=5)
_SLOW: Final = timedelta(seconds=12)
_WORDS: Final = {Word.LIVE: Verdict.PASS, Word.FAILING: Verdict.FAIL}

LookAtCase = Callable[[Case], Awaitable[Iterable[Found]]]


class InstalledDoctor:
    """The doctor of this installation; see ``doctor.checks.Doctor``."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._dns = build_public_dns(settings)
        self._service = build_service(settings)
        self._trust = build_trust(settings)
        self._queue = Queue()
        self._edges = tuple(parse_address(one, key="edge.probe") for one in settings.edge.probe)

    def list_address_checks(
        self, address: str, *, workspace_id: str, with_browser: bool
    ) -> tuple[Check, ...]:
        """See Doctor."""
        checks = list_site_checks(
            address,
            workspace_id=workspace_id,
            store=self._store,
            settings=self._settings,
            is_run=with_browser,
        )
        if not with_browser:
            return checks
        return (
            *checks,
            build_browser_check(
                address,
                workspace_id=workspace_id,
                store=self._store,
                settings=self._settings,
                queue=self._queue,
            ),
        )

    def list_domain_checks(self, domain_id: str, *, with_message: bool) -> tuple[Check, ...]:
        """See Doctor."""
        with self._store.read() as connection:
            case = load_case(connection, domain_id)
        records = "delegation" if case.domain.mode is Mode.DELEGATION else "cname"
        looks: list[tuple[str, str, timedelta, LookAtCase]] = [
            ("status", "what was seen last", _QUICK, self._look_at_status),
            (records, "the records at the owner's DNS", _SLOW, self._look_at_records),
            ("nameservers", "our own nameservers", _QUICK, self._look_at_own_servers),
            ("certificate", "the certificate in the store", _QUICK, self._look_at_stored),
            ("tls", "the certificate at the edge", _QUICK, self._look_at_tls),
            ("hosts", "script, settings and API at the edge", _SLOW, self._look_at_hosts),
            ("messages", "messages on their way upstream", _SLOW, self._look_at_messages),
            ("room", "room for messages that wait", _SLOW, self._look_at_room),
        ]
        if with_message:
            looks.append(("test-message", "a test message", _SLOW, self._send_message))
        return tuple(
            Check(name=name, title=title, deadline=deadline, look=_look(look, case))
            for name, title, deadline, look in looks
        )

    async def _look_at_status(self, case: Case) -> Iterable[Found]:
        word = derive_word(case.domain.intent, case.observation.statuses)
        verdict = _WORDS.get(word, Verdict.WARN)
        told = Found(verdict=verdict, code=f"status-{word}", sentence=f"The domain is {word}.")
        if not case.observation.findings:
            return (told,)
        return (told, *read_findings(case.observation.findings, good=""))

    async def _look_at_records(self, case: Case) -> Iterable[Found]:
        judgement = await ask_owners_dns(case, self._dns, self._service)
        good = "Every server of the owner's zone has exactly the records of this domain."
        return read_findings(judgement.findings, good=good)

    async def _look_at_own_servers(self, case: Case) -> Iterable[Found]:
        domain = case.domain
        if domain.mode is Mode.DELEGATION:
            answer = await self._dns.ask_own_servers(domain.name, domain.hosts)
        else:
            targets = cname_targets(domain.token, self._service.domain)
            answer = await self._dns.ask_own_servers(self._service.domain, targets)
        behind = {
            f"{one.address} over {one.transport}"
            for one in answer.servers
            if one.serial is None or one.missing_hosts
        }
        if behind:
            return (
                Found(
                    verdict=Verdict.FAIL,
                    code="own-servers-behind",
                    sentence=f"Nameservers of ours do not answer: {', '.join(sorted(behind))}.",
                    fix="Before the records are proved that is normal; afterwards, look whether "
                    "the nameserver runs, and at the setting nameserver.check.",
                ),
            )
        told = f"All {len(answer.servers)} of our nameservers' sockets answer for the name."
        return (Found(verdict=Verdict.PASS, sentence=told),)

    async def _look_at_stored(self, case: Case) -> Iterable[Found]:
        stored = case.certificate
        dates = None if stored is None else (stored.not_before, stored.not_after)
        return (judge_stored(dates, now=datetime.now(UTC)),)

    async def _look_at_tls(self, case: Case) -> Iterable[Found]:
        context = await asyncio.to_thread(self._trust.context)
        hosts, now = case.domain.hosts, datetime.now(UTC)
        return await look_at_certificates(hosts, self._edges, context, now=now)

    async def _look_at_hosts(self, case: Case) -> Iterable[Found]:
        answer = await ask_hosts(case, HttpsEdgeProbe(self._edges, self._trust))
        findings = judge_hosts(answer, has_been_live=case.observation.statuses.has_been_live)
        good = f"{' and '.join(case.domain.hosts)} answer as they must."
        return read_findings(findings, good=good)

    async def _look_at_messages(self, case: Case) -> Iterable[Found]:
        try:
            async with open_spool(self._settings.spool.log_url) as spool:
                now = await read_ledger(spool.log, spool.outcomes)
        except Unavailable:
            return (
                Found(
                    verdict=Verdict.UNKNOWN,
                    code="log-away",
                    sentence="Could not check: the log does not answer.",
                    fix="Look whether nats runs, and at the setting spool.url.",
                ),
            )
        accounts = [now.ledger.account(source.number) for source in case.sources]
        return judge_ledger(
            waiting=sum(one.waiting for one in accounts), dead=sum(one.dead for one in accounts)
        )

    async def _look_at_room(self, case: Case) -> Iterable[Found]:
        del case  # all share one log
        try:
            async with open_spool(self._settings.spool.log_url) as spool:
                return (judge_room(await ask_room(spool.log.connection)),)
        except Unavailable:
            return (judge_room(None),)

    async def _send_message(self, case: Case) -> Iterable[Found]:
        if case.write_key is None:
            return ()
        context = await asyncio.to_thread(self._trust.context)
        body = {
            "writeKey": case.write_key,
            "event": "Firstparty Doctor",
            "anonymousId": "firstparty-doctor",
            "messageId": f"firstparty-doctor-{secrets.token_hex(8)}",
        }
        host = case.domain.api_host
        try:
            answer = await ask_edge(
                self._edges[0],
                host,
                "POST",
                "/v1/t",
                headers={"Content-Type": "application/json"},
                body=msgspec.json.encode(body),
                tls=context,
                within=_SLOW,
            )
        except (OSError, EOFError, IndexError) as error:
            return (_refused_message(host, f"it does not answer ({type(error).__name__})"),)
        if answer.status != 200:  # noqa: PLR2004 - RFC 9110 §15.3.1
            return (_refused_message(host, f"it answers {answer.status}"),)
        told = f"{host} took a test message; it is on disk and goes upstream."
        return (Found(verdict=Verdict.PASS, sentence=told),)


def judge_ledger(*, waiting: int, dead: int) -> tuple[Found, ...]:
    """What the ledger of a domain's sources means."""
    if dead:
        return (
            Found(
                verdict=Verdict.WARN,
                code="dead-letters",
                sentence=f"{dead:,} messages are dead letters: their upstream refused them.",
                fix="firstparty events dead says why; firstparty events replay sends them again.",
            ),
        )
    told = f"{waiting:,} messages wait for their upstream, and none is dead."
    return (Found(verdict=Verdict.PASS, sentence=told),)


def judge_room(room: Room | None) -> Found:
    """Whether an outage of the upstream may last as long as the operator wants."""
    if room is None:
        return Found(
            verdict=Verdict.UNKNOWN,
            code="room-unknown",
            sentence="Could not check: no forwarder says how much room the log has.",
            fix="Look whether nats and forward run; a forwarder knows a moment after it started.",
        )
    if not room.is_short:
        return Found(verdict=Verdict.PASS, sentence=room.sentence)
    return Found(verdict=Verdict.WARN, code="room-short", sentence=room.sentence, fix=room.advice)


def _refused_message(host: str, why: str) -> Found:
    return Found(
        verdict=Verdict.FAIL,
        code="test-message-refused",
        sentence=f"{host} took no test message: {why}.",
        fix="Look at the other checks: the edge, then whether ingest and nats run.",
    )


def _look(look: LookAtCase, case: Case) -> Look:
    async def run() -> AsyncGenerator[Found, None]:
        for found in await look(case):
            yield found

    return run
