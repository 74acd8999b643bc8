from pathlib import Path

from firstparty.certs.keys import new_private_key
from firstparty.config.settings import Settings
from firstparty.reconciler.acme_authorities import StoredAccount
from firstparty.reconciler.authorities import build_chosen
from firstparty.reconciler.local_root import load_local_authority
from firstparty.store import tables
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer

SEALER = Sealer(b"c" * 32)


def test_the_local_cas_root_is_made_once_and_sealed(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "local-ca.sealed"
    first, second = (load_local_authority(file, SEALER) for _ in range(2))

    assert first.root_certificate == second.root_certificate
    assert b"PRIVATE KEY" not in file.read_bytes()
    assert [path.name for path in file.parent.iterdir()] == ["local-ca.sealed"]


def test_of_two_new_accounts_the_first_ones_key_is_kept(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    tables.metadata.create_all(store.engine)
    accounts = StoredAccount(store, SEALER, "pebble")
    key = new_private_key()
    first, second = accounts.add(key), accounts.add(new_private_key())
    accounts.save_url("https://ca.test/acct/1")
    found = accounts.load()
    store.close()

    assert first.key_pem == second.key_pem == key
    assert found is not None
    assert (found.key_pem, found.url) == (key, "https://ca.test/acct/1")


def test_an_authority_that_is_chosen_no_more_is_asked_to_revoke_if_it_knows_us(
    tmp_path: Path,
) -> None:
    settings = Settings(state=str(tmp_path))
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    tables.metadata.create_all(store.engine)
    before = build_chosen(settings, store, SEALER)
    accounts = StoredAccount(store, SEALER, "letsencrypt")
    accounts.add(new_private_key())
    accounts.save_url("https://ca.test/acct/1")
    after = build_chosen(settings, store, SEALER)
    store.close()
    after.close()

    assert settings.certificates.in_order == ("local",)
    assert before.by_name.keys() == {"local"}
    assert after.by_name.keys() == {"local", "letsencrypt"}
    assert after.names == {"local"}
