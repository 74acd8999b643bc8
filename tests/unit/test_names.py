import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.errors import Refused
from firstparty.model.names import NamePolicy, is_at_or_below, parse_domain_name, parse_label

POLICY = NamePolicy(own_names=("fp.example.net",), special_use=())
LAPTOP = NamePolicy(own_names=("fp.test",), special_use=("test",))


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "name-empty"),
        ("https://cdp.shop.com/", "name-is-url"),
        ("192.0.2.1", "name-is-address"),
        ("[2001:db8::1]", "name-is-address"),
        ("2130706433", "name-is-address"),
        ("127.1", "name-is-address"),
        ("*.shop.com", "name-is-wildcard"),
        ("_cdp.shop.com", "name-has-underscore"),
        ("cdp..shop.com", "name-invalid"),
        ("-cdp.shop.com", "name-invalid"),
        ("cdp shop.com", "name-invalid"),
        ("xn--a.shop.com", "name-invalid"),
        ("a." * 130 + "com", "name-too-long"),
        ("l" * 64 + ".shop.com", "name-invalid"),
        ("com", "name-is-public-suffix"),
        ("co.uk", "name-is-public-suffix"),
        ("github.io", "name-is-public-suffix"),
        ("shop.com", "name-is-apex"),
        ("shop.co.uk", "name-is-apex"),
        ("shop.github.io", "name-is-apex"),
        ("fp.example.net", "name-is-ours"),
        ("x.fp.example.net", "name-is-ours"),
        ("example.net", "name-is-ours"),
        ("cdp.shop.test", "name-is-special-use"),
        ("cdp.localhost", "name-is-special-use"),
    ],
)
def test_each_rule_refuses_with_its_own_code_and_names_the_field(typed: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_domain_name(typed, POLICY)

    assert refused.value.code == code
    assert refused.value.field == "name"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("cdp.shop.com", "cdp.shop.com"),
        (" CDP.Shop.COM. ", "cdp.shop.com"),
        ("daten.bücher.de", "daten.xn--bcher-kva.de"),
        ("cdp.shop.co.uk", "cdp.shop.co.uk"),
        ("a.b.shop.github.io", "a.b.shop.github.io"),
    ],
)
def test_a_good_name_is_kept_as_lower_case_a_labels(typed: str, name: str) -> None:
    assert parse_domain_name(typed, POLICY) == name


def test_a_laptop_may_use_the_reserved_names_that_it_allows() -> None:
    assert parse_domain_name("cdp.shop.test", LAPTOP) == "cdp.shop.test"


@given(st.text(max_size=300))
def test_any_text_is_a_name_or_refused(typed: str) -> None:
    try:
        name = parse_domain_name(typed, POLICY)
    except Refused:
        return

    assert name == name.lower()
    assert parse_domain_name(name, POLICY) == name


@pytest.mark.parametrize("typed", ["", "a.b", "-a", "a_b", "ü", "a" * 64])
def test_a_label_is_one_plain_dns_label(typed: str) -> None:
    with pytest.raises(Refused):
        parse_label(typed, field="cdn_label")


def test_below_is_by_labels_not_by_letters() -> None:
    assert is_at_or_below("x.shop.com", "shop.com")
    assert not is_at_or_below("myshop.com", "shop.com")
