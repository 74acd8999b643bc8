"""The certificate authorities of the settings, in the operator's order, and as CAA names them."""

from firstparty.certs.keys import KeyType
from firstparty.config.settings import LOCAL, Settings
from firstparty.reconciler.caa import CaaIssuer
from firstparty.reconciler.choice import Authorities, Choice, build_authorities, staging_of
from firstparty.reconciler.local_root import open_local_authority
from firstparty.store.certificates import load_account_urls
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer


def build_chosen(settings: Settings, store: Store, sealer: Sealer) -> Authorities:
    """The authorities of the settings. ``sealer`` is control's: no edge ever opens these keys."""
    chosen = settings.certificates.in_order
    former = _find_former(settings, store)
    key_type = KeyType(settings.certificates.key_type)
    choices: dict[str, Choice] = {}
    if LOCAL in chosen:
        choices[LOCAL] = Choice(authority=open_local_authority(settings, sealer))
    if set(chosen) == {LOCAL} and not former:
        return build_authorities((choices[LOCAL],), key_type=key_type)
    # Loaded where it is spoken: 6 MB of libraries.
    from firstparty.reconciler.acme_authorities import build_acme, build_choice  # noqa: PLC0415

    choices |= {
        name: build_choice(name, settings, store, sealer) for name in chosen if name != LOCAL
    }
    return build_authorities(
        tuple(choices[name] for name in chosen),
        *(build_acme(name, settings, store, sealer) for name in former),
        key_type=key_type,
    )


def _find_former(settings: Settings, store: Store) -> list[str]:
    """Authorities that are not chosen, but may have issued once: they know an account of ours."""
    unused = settings.certificates.authorities.keys() - set(settings.certificates.in_order)
    with store.read() as connection:
        return sorted(unused & load_account_urls(connection).keys())


def build_issuers(settings: Settings) -> tuple[CaaIssuer, ...]:
    """The authorities in use as CAA names them; none if one of them has no name there.

    A set without that one would forbid it. The local CA looks at no CAA.
    """
    certificates = settings.certificates
    acme = [name for name in certificates.in_order if name != LOCAL]
    issuers = tuple(
        CaaIssuer(
            identity=certificates.authorities[name].caa,
            accounts=(name, staging_of(name)),
            email=certificates.authorities[name].email,
        )
        for name in acme
    )
    return issuers if all(issuer.identity for issuer in issuers) else ()
