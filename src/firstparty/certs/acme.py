"""An ACME certificate authority (RFC 8555), by certbot's library.

Every call is one short piece of an order, so that an order goes on, by its URL, after a crash at
any point. The library blocks: each call runs in a thread with a session of its own.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar

from acme import messages
from cryptography import x509

from firstparty.certs.account import (
    Account,
    AccountKeeper,
    ExternalAccount,
    load_or_add_account,
    register,
)
from firstparty.certs.orders import (
    find_challenge,
    is_in,
    read_invalid_order,
    read_new_order,
    refuse_profile,
)
from firstparty.certs.problems import FAULTS, is_account_lost, read_fault
from firstparty.certs.progress import (
    Issued,
    OrderProgress,
    Pending,
    Rejected,
    RevocationProgress,
    Revoked,
    TryLater,
)
from firstparty.certs.renewal import (
    ASK_AGAIN,
    SOON,
    Advice,
    NoAdvice,
    certificate_id,
    read_advice,
)
from firstparty.certs.session import Session
from firstparty.model.certificates import (
    ChallengeMethod,
    RevocationReason,
)
from firstparty.telemetry import Log

_LOG: Final = Log("certs")
_SOON: Final = timedelta(milliseconds=200)
_A_DAY: Final = timedelta(days=1)
_MAX_SESSIONS: Final = 8
_ALREADY_REVOKED: Final = "alreadyRevoked"
_Progress = TypeVar("_Progress")
_Sessions = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeServer:
    """Where a CA is and whom it may write to. ``ca_bundle``: PEM of roots; empty: the public's.

    ``profile`` is one of those that the CA's directory offers; empty: whatever it does by itself.
    ``patience`` is how long one answer may take.
    """

    directory: str
    email: str = ""
    ca_bundle: str = ""
    profile: str = ""
    external: ExternalAccount | None = None
    patience: timedelta = timedelta(seconds=30)


class AcmeAuthority:
    """Orders certificates for the operator's one account."""

    def __init__(self, name: str, server: AcmeServer, accounts: AccountKeeper) -> None:
        self.name: Final = name
        self.server: Final = server
        self._accounts = accounts
        self._idle: list[Session] = []
        # Its own threads: a CA that hangs must not keep the process's others from the store.
        self._threads = ThreadPoolExecutor(_MAX_SESSIONS, thread_name_prefix="acme")

    async def begin(
        self,
        names: Sequence[str],
        csr: bytes,
        *,
        method: ChallengeMethod = ChallengeMethod.DNS,
        replaces: str = "",
    ) -> OrderProgress:
        """Make an order for exactly ``names``, which are those of the request (PEM)."""
        del csr  # wanted when the order is finalized

        def work(session: Session) -> OrderProgress:
            if self.server.profile not in ("", *session.profiles):
                return refuse_profile(self.server.profile, session.profiles)
            url, order = session.order(names, profile=self.server.profile, replaces=replaces)
            return read_new_order(
                url,
                order,
                session.fetch_authorizations(order),
                names=names,
                method=method,
                session=session,
            )

        return await self._in_thread(work)

    async def answer(
        self, url: str, *, method: ChallengeMethod = ChallengeMethod.DNS
    ) -> OrderProgress:
        """Tell the CA that the challenges of this order may be validated now. May be repeated."""

        def work(session: Session) -> OrderProgress:
            for authorization in session.fetch_authorizations(session.fetch_order(url)):
                body = find_challenge(authorization, method)
                if body is not None and is_in(authorization, body, messages.STATUS_PENDING):
                    session.acme.answer_challenge(body, body.chall.response(session.account.key))
            return Pending(url=url, again=_SOON)

        return await self._in_thread(work)

    async def advance(self, url: str, csr: bytes) -> OrderProgress:
        """Look at the order and take our next move in it: finalize, or fetch the certificate."""

        def work(session: Session) -> OrderProgress:
            order = session.fetch_order(url)
            if order.status == messages.STATUS_READY:
                request = messages.CertificateRequest(csr=x509.load_pem_x509_csr(csr))
                session.network.post(
                    order.finalize, request, new_nonce_url=session.acme.directory["newNonce"]
                )
                order = session.fetch_order(url)
            if order.status == messages.STATUS_VALID:
                return Issued(url=url, chain=session.fetch(str(order.certificate)).text)
            if order.status == messages.STATUS_INVALID:
                return read_invalid_order(order, session)
            return Pending(url=url, again=session.network.last_retry_after)

        return await self._in_thread(work)

    async def revoke(
        self, chain: str, reason: RevocationReason, *, key_pem: bytes | None
    ) -> RevocationProgress:
        """Revoke the leaf of a PEM chain (RFC 8555 §7.6). Repeated, it is just as revoked.

        Signed with the certificate's own private key where we have it, since the account that
        ordered it may be lost; otherwise as the account.
        """
        leaf = x509.load_pem_x509_certificates(chain.encode())[0]

        def work(session: Session) -> Revoked:
            session.acme.revoke(leaf, reason)
            return Revoked()

        sessions = self._session if key_pem is None else partial(self._session_of, key_pem)
        progress = await self._in_thread(work, sessions)
        if isinstance(progress, Rejected) and progress.problem == _ALREADY_REVOKED:
            return Revoked()
        return progress

    async def fetch_advice(self, chain: str) -> Advice | NoAdvice:
        """When the CA wants the leaf of a PEM chain renewed (RFC 9773 §4.1)."""
        wanted = certificate_id(x509.load_pem_x509_certificates(chain.encode())[0])
        if wanted is None:
            return NoAdvice(reason="the certificate has no key identifier", again=_A_DAY)

        def work(session: Session) -> Advice | NoAdvice:
            if session.renewal_info_url is None:
                return NoAdvice(reason="the CA advises nothing", again=_A_DAY)
            answer = session.network.get(f"{session.renewal_info_url}/{wanted}")
            return read_advice(answer.json(), retry_after=session.network.last_retry_after)

        answer = await self._in_thread(work)
        match answer:
            case Rejected():
                return NoAdvice(reason=answer.detail, again=ASK_AGAIN)
            case TryLater():
                return NoAdvice(reason=answer.reason, again=answer.again or SOON)
            case _:
                return answer

    def close(self) -> None:
        """Close idle connections and let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        while self._idle:
            self._idle.pop().close()

    async def _in_thread(
        self, work: Callable[[Session], _Progress], sessions: _Sessions | None = None
    ) -> _Progress | Rejected | TryLater:
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._run, work, sessions or self._session
        )

    def _run(
        self, work: Callable[[Session], _Progress], sessions: _Sessions
    ) -> _Progress | Rejected | TryLater:
        """Do ``work`` in a session, in this thread; what goes wrong becomes a value."""
        status, retry_after = 0, None
        try:
            with sessions() as session:
                try:
                    return work(session)
                except FAULTS:
                    status = session.network.last_status
                    retry_after = session.network.last_retry_after
                    raise
        except FAULTS as error:
            _LOG.warning("ca.fault", authority=self.name, status=status, error=type(error).__name__)
            if is_account_lost(error):
                self._accounts.save_url("")
            return read_fault(error, status=status, retry_after=retry_after)

    @contextmanager
    def _session_of(self, key_pem: bytes) -> Iterator[Session]:
        """A session that signs with this key, as the holder of its certificate."""
        session = Session(
            self.server.directory,
            Account(key_pem=key_pem),
            ca_bundle=self.server.ca_bundle,
            patience=self.server.patience,
        )
        try:
            yield session
        finally:
            session.close()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """A session that nobody else uses; kept for the next one only if nothing went wrong."""
        session = self._idle.pop() if self._idle else self._open_session()
        is_good = False
        try:
            yield session
            is_good = True
        finally:
            if is_good:
                self._idle.append(session)
            else:
                session.close()

    def _open_session(self) -> Session:
        account = load_or_add_account(self._accounts)
        session = Session(
            self.server.directory,
            account,
            ca_bundle=self.server.ca_bundle,
            patience=self.server.patience,
        )
        try:
            url = register(
                session.acme, self._accounts, account, self.server.email, self.server.external
            )
        except BaseException:
            session.close()
            raise
        session.act_as(url)
        return session
