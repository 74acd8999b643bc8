"""Certificates by REST and on the command line, as their owner and an operator see them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from firstparty.config.settings import AuthoritySettings, CertificatesSettings, Settings
from firstparty.model.authorities import Breaker, Counter, Failure, Use
from firstparty.store import uses
from firstparty.store.certificates import load_newest_certificate
from firstparty.store.sealing import load_sealer
from tests.fakes.pairs import a_pair
from tests.served import Served, serve_api

HOSTS = ("evs.cdp.shop.com", "api.cdp.shop.com")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    authorities = {"ca": AuthoritySettings(directory="https://ca.test/dir")}
    certificates = CertificatesSettings(authority="ca", authorities=authorities)
    return Settings(state=str(tmp_path), certificates=certificates)


@pytest.fixture
def served(tmp_path: Path, settings: Settings) -> Iterator[Served]:
    with serve_api(tmp_path, settings) as made:
        yield made


def a_domain(served: Served) -> str:
    with served.call() as call:
        workspace = call.post("/workspaces", json={"name": "Shop"}).json()["id"]
        asked: dict[str, Any] = {"name": "cdp.shop.com", "workspace_id": workspace}
        web = {"name": "Web", "type": "javascript", "workspace_id": workspace}
        asked["source_ids"] = [call.post("/sources", json=web).json()["id"]]
        return str(call.post("/domains", json=asked).json()["id"])


def test_a_certificate_is_imported_sealed_and_listed(served: Served, settings: Settings) -> None:
    domain, pair = a_domain(served), a_pair(HOSTS)
    with served.call() as call:
        imported = call.post(f"/domains/{domain}/certificates", json=pair)
        listed = call.get(f"/domains/{domain}/certificates").json()["items"]
    with served.store.read() as connection:
        stored = load_newest_certificate(connection, domain)
    assert stored is not None
    sealer = load_sealer(settings.state_directory / "keys" / "edge.key")
    key = sealer.open(stored.sealed_key, context=f"certificate:{stored.id}")

    assert imported.status_code == 201
    assert listed == [imported.json()]
    assert (listed[0]["authority"], listed[0]["state"]) == ("imported", "current")
    assert int(listed[0]["serial"], 16) > 0
    assert key.decode() == pair["private_key"]
    assert "PRIVATE" not in imported.text


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"chain": "nothing"}, "certificate-unusable"),
        ({"private_key": "nothing"}, "private-key-unusable"),
        ({"private_key": a_pair(HOSTS)["private_key"]}, "certificate-unusable"),
        ({"chain": a_pair(("evs.cdp.shop.com",))["chain"]}, "certificate-unusable"),
    ],
)
def test_a_pair_that_cannot_be_served_is_refused_with_the_reason(
    served: Served, change: dict[str, str], code: str
) -> None:
    domain = a_domain(served)
    with served.call() as call:
        refused = call.post(f"/domains/{domain}/certificates", json=a_pair(HOSTS) | change)
        listed = call.get(f"/domains/{domain}/certificates").json()["items"]

    assert refused.status_code == 422
    assert refused.json()["code"] == code
    assert "PRIVATE KEY" not in refused.text
    assert listed == []


def test_after_a_compromise_everything_that_is_good_is_marked_once(served: Served) -> None:
    domain = a_domain(served)
    with served.call() as call:
        call.post(f"/domains/{domain}/certificates", json=a_pair(HOSTS))
        answers = [call.post(f"/domains/{domain}/certificates/revoke") for _ in range(2)]
    with served.store.read() as connection:
        stored = load_newest_certificate(connection, domain)

    assert [answer.status_code for answer in answers] == [200, 200]
    assert stored is not None
    assert stored.revocation_reason == 1


def test_an_operator_sees_limits_use_and_who_waits(served: Served) -> None:
    domain, now = a_domain(served), datetime.now(UTC)
    shop = Counter(use=Use.CERTIFICATES, key="shop.com")
    later = now + timedelta(hours=3)
    with served.store.write() as connection:
        uses.add_uses(connection, "ca", [shop] * 3, at=now, order_id="crt_1")
        uses.add_uses(connection, "ca", [shop], at=later, domain_id=domain)
        failure = Failure(at=now, domain_id=domain)
        breaker = Breaker(failures=(failure,), open_until=later)
        uses.save_breaker(connection, "ca", breaker)
    with served.call() as call:
        queue = call.get("/certificate-queue").json()
    (authority,) = queue["authorities"]
    limits = {one["use"]: one for one in authority["limits"]}

    assert limits["certificates_per_registered_domain"] == {
        "use": "certificates_per_registered_domain",
        "most": 50,
        "kept": 40,
        "window_seconds": 7 * 86400,
        "used": [{"key": "shop.com", "number": 3}],
    }
    assert len(limits) == 5
    assert authority["left_alone_until"] is not None
    assert queue["waiting_count"] == 1
    assert queue["waiting"][0]["name"] == "cdp.shop.com"
    assert queue["waiting"][0]["key"] == "shop.com"
