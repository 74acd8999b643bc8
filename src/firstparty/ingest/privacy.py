"""A source's privacy rules at work (pure), before anything is stored.

Only what a rule names is decoded: all else stays the bytes that came. What cannot be cleaned is
not kept.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from firstparty.model.json_text import decode_json
from firstparty.model.messages import Path
from firstparty.model.privacy import IpRule, PrivacyRules, truncate_address
from firstparty.spool.entries import pack_address, unpack_address

_NO_ADDRESS: Final = bytes(16)
_Fields = dict[str, msgspec.Raw]
_FIELDS: Final = msgspec.json.Decoder(_Fields)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT: Final = msgspec.json.Decoder(str)
_NULL: Final = msgspec.Raw(b"null")
# What the forwarder reads of a batch beside its messages.
_ENVELOPE: Final = ("sentAt", "context", "integrations")


class _Consent(msgspec.Struct):
    """Where SDKs put what a visitor has agreed to."""

    category_preferences: dict[str, object] = msgspec.field(
        name="categoryPreferences", default_factory=dict
    )


_CONSENT: Final = msgspec.json.Decoder(_Consent)


class Cleaned(NamedTuple):
    """A body that may be kept (None: nothing of it), and how many messages may not."""

    body: bytes | None
    dropped: int


class _Node:
    """What to drop from an object: fields by name, and what is to go from further inside."""

    __slots__ = ("children", "leaves")

    def __init__(self, paths: Sequence[str]) -> None:
        # A field's own name may have dots in it: so the whole of what is left of a path counts too.
        self.leaves = frozenset(paths)
        inner: dict[str, list[str]] = {}
        for path in paths:
            name, dot, rest = path.partition(".")
            if dot:
                inner.setdefault(name, []).append(rest)
        self.children: dict[str, _Node] = {name: _Node(rest) for name, rest in inner.items()}


class Cleaner:
    """The rules of one source, ready to be applied."""

    def __init__(self, rules: PrivacyRules) -> None:
        self._rules: Final = rules
        self._drop = _Node(rules.drop_fields)
        self.keeps_user_agent: Final = not {"context", "context.userAgent"} & set(rules.drop_fields)

    def apply(self, headers: Mapping[bytes, bytes], text: bytes, path: Path) -> Cleaned:
        """What may be kept of a request: of its decoded body, which ``parse_body`` has taken.

        Raises RecursionError where the body is nested too deeply to be looked into.
        """
        if not self._is_opted_out(headers):
            return self._clean(text, path)
        if path is not Path.BATCH:
            return Cleaned(None, 1)
        return Cleaned(None, len(decode_json(_LIST, decode_json(_FIELDS, text)["batch"])))

    def _is_opted_out(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether the browser asks not to be followed, by a signal that this source honours."""
        rules = self._rules
        return (rules.honour_gpc and headers.get(b"sec-gpc", b"").strip() == b"1") or (
            rules.honour_dnt and headers.get(b"dnt", b"").strip() == b"1"
        )

    def clean_address(self, packed: bytes) -> bytes:
        """What may be kept of a client's address, of 16 bytes to 16 bytes."""
        match self._rules.ip:
            case IpRule.KEEP:
                return packed
            case IpRule.TRUNCATE:
                return pack_address(truncate_address(unpack_address(packed)))
            case IpRule.DROP:
                return _NO_ADDRESS

    def _clean(self, text: bytes, path: Path) -> Cleaned:
        fields = decode_json(_FIELDS, text)
        if path is Path.BATCH:
            return self._clean_batch(fields)
        kept = self._clean_inside(fields, _NULL)
        return Cleaned(None, 1) if kept is None else Cleaned(bytes(kept), 0)

    def _clean_batch(self, fields: _Fields) -> Cleaned:
        shared = fields.get("context", _NULL)
        kept = []
        messages = decode_json(_LIST, fields["batch"])
        for raw in messages:
            # What is no object has no field: it goes on, to end as a dead letter.
            found = raw
            if _is(raw, b"{"):
                cleaned = self._clean_inside(decode_json(_FIELDS, raw), shared)
                if cleaned is None:
                    continue
                found = cleaned
            elif self._rules.consent:
                continue
            kept.append(found)
        dropped = len(messages) - len(kept)
        if dropped and not kept:
            return Cleaned(None, dropped)
        envelope: dict[str, object] = {
            name: raw
            for name, raw in self._drop_fields(fields).items()
            if name in _ENVELOPE and name not in self._drop.leaves
        }
        return Cleaned(msgspec.json.encode(envelope | {"batch": kept}), dropped)

    def _clean_inside(self, fields: _Fields, shared: msgspec.Raw) -> msgspec.Raw | None:
        """The message without what may not be kept; None: it may not be kept at all."""
        try:
            if self._rules.consent and not self._has_consent(fields, shared):
                return None
            return msgspec.Raw(msgspec.json.encode(self._drop_fields(fields)))
        except (msgspec.DecodeError, RecursionError):
            return None

    def _has_consent(self, fields: _Fields, shared: msgspec.Raw) -> bool:
        """Whether each category is agreed to, in the message or, if it is silent, its batch."""
        for context in (fields.get("context", _NULL), shared):
            if _is(context, b"{"):
                consent = decode_json(_FIELDS, context).get("consent")
                if consent is not None:
                    try:
                        agreed = decode_json(_CONSENT, consent).category_preferences
                    except msgspec.DecodeError:
                        return False
                    return all(agreed.get(category) is True for category in self._rules.consent)
        return False

    def _drop_fields(self, fields: _Fields) -> _Fields:
        """The fields of a message, or of a batch, without those that the rules name."""
        kept = _drop_from(fields, self._drop)
        context = kept.get("context")
        if context is not None and self._rules.ip is not IpRule.KEEP and _is(context, b"{"):
            inside = decode_json(_FIELDS, context)
            if "ip" in inside:
                kept["context"] = _encode(_replace_ip(inside, self._rules.ip))
        return kept


def _drop_from(fields: _Fields, node: _Node) -> _Fields:
    kept = {name: raw for name, raw in fields.items() if name not in node.leaves}
    for name, child in node.children.items():
        if name in kept:
            kept[name] = _drop_inside(kept[name], child)
    return kept


def _drop_inside(raw: msgspec.Raw, node: _Node) -> msgspec.Raw:
    if _is(raw, b"{"):
        return _encode(_drop_from(decode_json(_FIELDS, raw), node))
    if _is(raw, b"["):
        return _encode([_drop_inside(one, node) for one in decode_json(_LIST, raw)])
    return raw


def _replace_ip(context: _Fields, rule: IpRule) -> _Fields:
    raw = context.pop("ip")
    if rule is IpRule.TRUNCATE:
        try:
            network = truncate_address(ipaddress.ip_address(_TEXT.decode(raw)))
        except (msgspec.DecodeError, ValueError):
            return context  # no address; whatever it is, nobody can say what of it may stay
        context["ip"] = _encode(str(network))
    return context


def _encode(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def _is(raw: msgspec.Raw, start: bytes) -> bool:
    return bytes(memoryview(raw)[:1]) == start
