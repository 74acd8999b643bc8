"""Which pages of other sites may send with credentials: as an owner says it."""

from pathlib import Path

import pytest

from firstparty.control.callers import SYSTEM
from firstparty.control.credential_origins import parse_web_origin, set_credential_origins
from firstparty.control.domains import DomainRequest, request_domain, show_domain
from firstparty.errors import NotFound, Refused
from tests.builders import NOW
from tests.installation import RULES, an_installation


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://www.shop.example", "https://www.shop.example"),
        (" HTTPS://WWW.Shop.example/ ", "https://www.shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("https://shop.example:8443", "https://shop.example:8443"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(text: str, origin: str) -> None:
    assert parse_web_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "null",
        "shop.example",
        "http://shop.example",
        "https://",
        "https://*.shop.example",
        "https://shop.example/path",
        "https://ann:secret@shop.example",
        "https://shop.example:99999",
        "https://[::1",
        "https://b\u00fccher.example",
        "https://shop.example\r\nx: y",
    ],
)
def test_what_is_no_single_secure_origin_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_web_origin(text)

    assert refused.value.code == "origin-invalid"
    assert refused.value.field == "origins"


def test_the_list_is_replaced_without_doublets_and_of_a_domain_of_ones_own(tmp_path: Path) -> None:
    here = an_installation(tmp_path)
    source = here.source().source
    domain = request_domain(
        here.store,
        SYSTEM,
        workspace_id=here.ours.id,
        asked=DomainRequest(name="cdp.shop.com", source_ids=(source.id,)),
        rules=RULES,
        now=NOW,
    )
    origins = ("https://b.example", "https://a.example", "https://b.example/")
    for wanted in (origins, origins[:2]):
        set_credential_origins(
            here.store, SYSTEM, domain.domain.id, origins=wanted, rules=RULES, now=NOW
        )
    shown = show_domain(here.store, SYSTEM, domain.domain.id, rules=RULES)

    assert shown.domain.credential_origins == ("https://b.example", "https://a.example")
    with pytest.raises(NotFound):
        set_credential_origins(here.store, SYSTEM, "dom_x", origins=(), rules=RULES, now=NOW)
    with pytest.raises(Refused, match="too many"):
        set_credential_origins(
            here.store,
            SYSTEM,
            domain.domain.id,
            origins=tuple(f"https://a{n}.example" for n in range(51)),
            rules=RULES,
            now=NOW,
        )
