"""What a source's privacy rules leave of a request, before anything is stored."""

import gzip
import json
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.ingest.privacy import Cleaner
from firstparty.model.messages import Encoding, Path
from firstparty.model.privacy import IpRule, PrivacyRules
from tests.ingest_rig import Rig, a_request

KEPT = {"writeKey": "WKWEB", "type": "track", "event": "x"}
CONSENT = PrivacyRules(consent=("analytics", "ads"))


def clean(rules: PrivacyRules, body: Any, path: Path = Path.TRACK, **headers: str) -> Any:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {
        name.replace("_", "-").encode(): value.encode("latin-1") for name, value in headers.items()
    }
    cleaned = Cleaner(rules).apply(sent, text, path)
    return None if cleaned.body is None else json.loads(cleaned.body)


def with_consent(**categories: Any) -> dict[str, Any]:
    return {"context": {"consent": {"categoryPreferences": categories}}}


@pytest.mark.parametrize(
    ("path", "message", "left"),
    [
        ("properties", {"properties": {"a": 1}}, {}),
        ("properties.email", {"properties": {"email": 1, "b": 2}}, {"properties": {"b": 2}}),
        ("properties.user.email", {"properties": {"user.email": 1}}, {"properties": {}}),
        ("properties.a.b", {"properties": {"a": [{"b": 1}, {"c": 2}]}},
         {"properties": {"a": [{}, {"c": 2}]}}),
        ("properties.a.b", {"properties": {"a": [[{"b": 1}]]}}, {"properties": {"a": [[{}]]}}),
        ("properties.a.b", {"properties": {"a": "b"}}, {"properties": {"a": "b"}}),
        ("context.page.url", {"context": {"page": None}}, {"context": {"page": None}}),
    ],
)  # fmt: skip
def test_a_named_field_goes_wherever_its_path_leads(
    path: str, message: dict[str, Any], left: dict[str, Any]
) -> None:
    assert clean(PrivacyRules(drop_fields=(path,)), message) == left


def test_a_field_goes_however_its_name_is_written_and_however_often() -> None:
    text = b'{"properties":{"em\\u0061il":"one","email":"two"},"properties":{"email":"three"}}'

    left = Cleaner(PrivacyRules(drop_fields=("properties.email",))).apply({}, text, Path.TRACK)

    assert left.body == b'{"properties":{}}'


def test_what_is_not_named_keeps_its_bytes() -> None:
    text = b'{"properties":{"n":1.10,"big":123456789012345678901,"cut":"\\ud83d"},"x":1}'

    left = Cleaner(PrivacyRules(drop_fields=("x",))).apply({}, text, Path.TRACK)

    assert left.body == b'{"properties":{"n":1.10,"big":123456789012345678901,"cut":"\\ufffd"}}'


@pytest.mark.parametrize(
    ("rule", "ip", "left"),
    [
        (IpRule.TRUNCATE, "203.0.113.77", {"ip": "203.0.113.0"}),
        (IpRule.TRUNCATE, "2001:db8:1:2:3::4", {"ip": "2001:db8:1::"}),
        (IpRule.TRUNCATE, "203.0.113.77, 10.0.0.1", {}),
        (IpRule.TRUNCATE, 7, {}),
        (IpRule.DROP, "203.0.113.77", {}),
        (IpRule.KEEP, "203.0.113.77", {"ip": "203.0.113.77"}),
    ],
)
def test_the_address_in_a_message_follows_the_rule(
    rule: IpRule, ip: object, left: dict[str, str]
) -> None:
    message = {"context": {"ip": ip}}
    batch = {"batch": [message], "context": {"ip": ip}}

    assert clean(PrivacyRules(ip=rule), message) == {"context": left}
    assert clean(PrivacyRules(ip=rule), batch, Path.BATCH) == {
        "batch": [{"context": left}],
        "context": left,
    }


@pytest.mark.parametrize(
    ("message", "is_kept"),
    [
        (with_consent(analytics=True, ads=True), True),
        (with_consent(analytics=True, ads=True, other=False), True),
        (with_consent(analytics=True, ads=False), False),
        (with_consent(analytics=True, ads="true"), False),
        (with_consent(analytics=True), False),
        ({"context": {"consent": 7}}, False),
        ({"context": {"consent": None}}, False),
        ({"context": {}}, False),
        ({}, False),
    ],
)
def test_a_message_needs_every_category_of_consent(
    message: dict[str, Any], *, is_kept: bool
) -> None:
    assert (clean(CONSENT, message) is not None) is is_kept


def test_a_batch_may_consent_for_its_messages_but_not_against_them() -> None:
    yes, no = with_consent(analytics=True, ads=True), with_consent(analytics=False, ads=True)
    batch = {"batch": [{"n": 1}, {"n": 2, **no}, {"n": 3, **yes}], **yes}

    left = clean(CONSENT, batch, Path.BATCH)

    assert [message["n"] for message in left["batch"]] == [1, 3]


@pytest.mark.parametrize(
    ("rules", "headers", "is_kept"),
    [
        (PrivacyRules(honour_gpc=True), {"sec_gpc": "1"}, False),
        (PrivacyRules(honour_gpc=True), {"sec_gpc": " 1 "}, False),
        (PrivacyRules(honour_gpc=True), {"sec_gpc": "0"}, True),
        (PrivacyRules(honour_gpc=True), {"dnt": "1"}, True),
        (PrivacyRules(honour_dnt=True), {"dnt": "1"}, False),
        (PrivacyRules(honour_dnt=True), {"dnt": "0"}, True),
        (PrivacyRules(ip=IpRule.DROP), {"dnt": "1", "sec_gpc": "1"}, True),
    ],
)
def test_a_signal_counts_where_the_source_honours_it(
    rules: PrivacyRules, headers: dict[str, str], *, is_kept: bool
) -> None:
    assert (clean(rules, {"a": 1}, **headers) is not None) is is_kept


def test_a_batch_that_is_opted_out_is_counted_by_its_messages() -> None:
    cleaned = Cleaner(PrivacyRules(honour_gpc=True)).apply(
        {b"sec-gpc": b"1"}, b'{"batch":[{},{},1]}', Path.BATCH
    )

    assert (cleaned.body, cleaned.dropped) == (None, 3)


def test_of_a_batch_only_what_is_handed_on_is_kept() -> None:
    batch = {"batch": [{"a": 1}, 7], "sentAt": "t", "writeKey": "k", "email": "x", "context": {}}

    left = clean(PrivacyRules(ip=IpRule.DROP), batch, Path.BATCH)

    assert left == {"batch": [{"a": 1}, 7], "sentAt": "t", "context": {}}


def test_a_list_nested_without_end_is_not_kept() -> None:
    text = b'{"a":' + b"[" * 900 + b'{"b":1}' + b"]" * 900 + b"}"
    deep = Cleaner(PrivacyRules(drop_fields=("a.b",))).apply({}, text, Path.TRACK)

    assert deep.body is None or b"b" not in deep.body[2:]


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "a.b", "secret"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def without(value: Any, path: str) -> Any:
    """The same rule, written as plainly as can be."""
    if isinstance(value, list):
        return [without(one, path) for one in value]
    if not isinstance(value, dict):
        return value
    name, _, rest = path.partition(".")
    left = {key: inner for key, inner in value.items() if key != path}
    if rest and name in left:
        left[name] = without(left[name], rest)
    return left


@given(
    st.dictionaries(st.sampled_from(["a", "b", "a.b"]), JSON, max_size=3),
    st.sampled_from(["a", "a.b", "a.b.secret", "b.a"]),
)
def test_any_message_loses_the_named_field_and_nothing_else(
    message: dict[str, Any], path: str
) -> None:
    assert clean(PrivacyRules(drop_fields=(path,)), message) == without(message, path)


async def test_a_request_is_cleaned_before_it_is_stored_whatever_its_encoding() -> None:
    rules = PrivacyRules(ip=IpRule.TRUNCATE, drop_fields=("userId", "context.userAgent"))
    rig = Rig(privacy=rules)
    body = gzip.compress(json.dumps({"batch": [KEPT | {"userId": "ann"}]}).encode())
    request = a_request(
        target="/v1/batch",
        body=body,
        Content_Encoding="gzip",
        Authorization="Basic V0tXRUI6",
        X_Real_IP="203.0.113.77",
        User_Agent="secret/1",
    )

    answer = await rig.ask_once(request)

    (entry,) = rig.appender.entries
    assert answer.body == b'{"success": true}'
    assert (entry.encoding, json.loads(entry.body)) == (Encoding.IDENTITY, {"batch": [KEPT]})
    assert entry.client_address == ip_address("203.0.113.0")
    assert entry.user_agent == ""


async def test_a_pixel_follows_the_rules_as_well() -> None:
    rig = Rig(privacy=PrivacyRules(drop_fields=("properties.email",)))
    target = "/v1/pixel/track?writeKey=WKWEB&event=x&properties.email=ann&properties.a=1"

    await rig.ask_once(a_request("GET", target, body=None))

    assert json.loads(rig.appender.entries[0].body)["properties"] == {"a": "1"}


async def test_what_may_not_be_kept_is_answered_200_counted_and_not_stored() -> None:
    rig = Rig(privacy=PrivacyRules(honour_gpc=True))

    answer = await rig.ask_once(a_request(Sec_GPC="1"))

    assert (answer.status, answer.body) == (200, b'{"success": true}')
    assert rig.appender.entries == []
    assert rig.tracking.count_all() == {"accepted": 0, "privacy_dropped": 1}
