import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.csp.evaluate import Attempt, Kind, build_hash, find_blocking_directive
from firstparty.csp.policy import Delivery, parse_policies, parse_policy

EVS, PAGE = "https://evs.s:8443", "https://www.shop.test/"


def blocked(policy: str, attempt: Attempt, page: str = PAGE) -> str:
    return find_blocking_directive(parse_policy(policy), attempt, page=page)


def connect(url: str) -> Attempt:
    return Attempt(kind=Kind.CONNECT, url=url)


def test_a_policy_keeps_its_directives_in_order_and_the_first_of_a_name() -> None:
    policy = parse_policy(" Script-Src  a\tb ;; img-src; script-src c; bad \u00e9 ")

    assert dict(policy.directives) == {"script-src": ("a", "b"), "img-src": ()}
    assert str(policy) == "script-src a b; img-src"


def test_a_header_holds_several_policies_and_none_without_directives() -> None:
    policies = parse_policies("img-src a, ,connect-src b;")

    assert [str(policy) for policy in policies] == ["img-src a", "connect-src b"]


def test_a_meta_element_cannot_sandbox() -> None:
    policy = parse_policy("sandbox; report-uri /x; img-src a", Delivery.META)

    assert str(policy) == "img-src a"


@given(st.text())
def test_any_text_is_a_policy_that_reads_the_same_again(text: str) -> None:
    policy = parse_policy(text)

    assert parse_policy(str(policy)) == policy


@given(st.text(), st.sampled_from(Kind))
def test_any_text_has_a_verdict(text: str, kind: Kind) -> None:
    policy = parse_policy(f"default-src {text}")
    name = find_blocking_directive(policy, Attempt(kind=kind, url=EVS, text="x"), page=PAGE)

    assert name in {"", *policy.directives}


@pytest.mark.parametrize(
    ("policy", "name"),
    [
        ("default-src 'none'", "default-src"),
        ("default-src 'none'; connect-src 'none'", "connect-src"),
        (f"default-src 'none'; connect-src {EVS}", ""),
        ("script-src 'none'", ""),
        (f"connect-src {EVS.removesuffix(':8443')}", "connect-src"),
        ("connect-src https://evs.S:*", ""),
        ("connect-src evs.s:8443", ""),
        ("connect-src *.S:8443 'unsafe-inline' 'nonce-x'", ""),
    ],
)
def test_the_directive_that_blocks_is_named(policy: str, name: str) -> None:
    assert blocked(policy, connect(f"{EVS}/v1/t")) == name


def test_a_page_without_tls_may_use_a_host_with_it_and_not_the_other_way() -> None:
    policy = "connect-src evs.S"

    assert blocked(policy, connect("https://evs.s/"), page="http://www.shop.test/") == ""
    assert blocked(policy, connect("http://evs.s/"), page=PAGE) == "connect-src"


def test_self_is_the_page_s_own_origin_or_its_safer_twin() -> None:
    policy = "connect-src 'self'"

    assert blocked(policy, connect("https://www.shop.test/x")) == ""
    assert blocked(policy, connect("https://www.shop.test/x"), page="http://www.shop.test/") == ""
    assert blocked(policy, connect("https://www.shop.test:444/x")) == "connect-src"
    assert blocked(policy, connect("https://shop.test/x")) == "connect-src"


def test_an_inline_script_runs_by_its_hash_or_nonce_alone_once_there_is_one() -> None:
    inline = Attempt(kind=Kind.INLINE, text="run()", nonce="n")
    mine, other = build_hash("run()"), build_hash("other()")

    assert blocked(f"script-src {mine}", inline) == ""
    assert blocked("script-src 'nonce-n'", inline) == ""
    assert blocked("script-src 'unsafe-inline'", inline) == ""
    assert blocked(f"script-src 'unsafe-inline' {other}", inline) == "script-src"
    assert blocked("script-src 'unsafe-inline' 'strict-dynamic'", inline) == "script-src"
