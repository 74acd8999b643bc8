"""Restore and rollout: who stays on the domain once the script is loaded; the lines to change.

What a site has in its pages, servers and apps is the owner's: for those the lines are shown that
go back to the default hosts, and nothing else is done.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from firstparty.control.callers import Caller
from firstparty.control.rules import Rules
from firstparty.control.source_editing import load_to_edit, save_edited
from firstparty.control.sources import SourceView, build_source_view, require_facts
from firstparty.errors import Refused
from firstparty.model.default_hosts import DefaultHosts
from firstparty.model.domains import Mode
from firstparty.model.workspaces import EVERYBODY, SourceType
from firstparty.snippets.catalogue import build_snippet, list_forms_for
from firstparty.snippets.facts import SnippetFacts
from firstparty.store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChange:
    """A line of the code of ``form`` as it is now, and as it goes back to the default hosts."""

    form: str
    now: str
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Who is on the domain: ``share`` of a hundred visitors, the rest on the default hosts.

    ``is_switchable``: it can be changed here, since the domain serves the source's script.
    """

    share: int
    is_switchable: bool
    default_hosts: DefaultHosts
    lines: tuple[LineChange, ...]


def build_rollout(view: SourceView) -> Rollout:
    """The rollout of a source; raises Conflict while it has no domain."""
    facts = require_facts(view)
    hosts = view.default_hosts
    there = replace(
        facts, cdn_host=hosts.cdn_host, api_host=hosts.api_host, https_port=hosts.https_port
    )
    lines = [
        LineChange(form=form, now=now, then=then)
        for form in list_forms_for(view.source.type)
        for now, then in _compare(form, facts, there, is_segment=hosts.is_segment)
    ]
    return Rollout(
        share=view.source.share,
        is_switchable=_is_switchable(view),
        default_hosts=hosts,
        lines=tuple(lines),
    )


def set_share(
    store: Store, caller: Caller, source_id: str, *, share: int, rules: Rules, now: datetime
) -> SourceView:
    """Have ``share`` of a hundred visitors on the domain; 0 restores, 100 undoes it.

    Browsers follow at their next load of the script. Raises Refused for a share that is none and
    for a source whose script we do not serve, Conflict while it has no domain.
    """
    with store.write() as connection:
        source, workspace, domain = load_to_edit(connection, caller, source_id)
        changed = replace(source, share=_parse_share(share))
        view = build_source_view(changed, workspace, domain, rules)
        _refuse_unswitchable(view)
        if _is_proxied(view) and share not in {0, EVERYBODY}:
            raise Refused(
                "share-of-proxy",
                "Behind a proxy all visitors get the same settings: 100 has everybody on the "
                "proxy, 0 nobody.",
                field="share",
            )
        require_facts(view)
        if changed != source:
            save_edited(
                connection,
                caller,
                changed,
                domain,
                action="source.restored" if share == 0 else "source.rolled-out",
                detail={"name": source.name, "share": share, "share_before": source.share},
                now=now,
            )
    return view


def _is_switchable(view: SourceView) -> bool:
    """Whether the script of the source is ours to serve: not behind a proxy of Segment's."""
    is_segments = _is_proxied(view) and view.default_hosts.is_segment
    return view.source.type is SourceType.JAVASCRIPT and not is_segments


def _is_proxied(view: SourceView) -> bool:
    return view.domain is not None and view.domain.mode is Mode.PROXY


def _refuse_unswitchable(view: SourceView) -> None:
    if _is_switchable(view):
        return
    if view.source.type is SourceType.JAVASCRIPT:
        sentence = (
            f"The script and the settings of {view.source.name} come through your proxy from "
            "Segment, which alone can switch them. The lines to change are listed with its rollout."
        )
    else:
        sentence = (
            f"{view.source.name} is a source of type {view.source.type}: its hosts are an option "
            "in your own code. The lines to change are listed with its rollout."
        )
    raise Refused("source-not-switchable", sentence)


def _parse_share(share: int) -> int:
    if not 0 <= share <= EVERYBODY:
        raise Refused(
            "share-invalid", "The share is a whole number from 0 to 100 percent.", field="share"
        )
    return share


def _compare(
    form: str, now: SnippetFacts, then: SnippetFacts, *, is_segment: bool
) -> list[tuple[str, str]]:
    """The lines of a form that name a host, both ways; Segment knows no alias of ours."""
    before = build_snippet(form, now).splitlines()
    after = build_snippet(form, then, is_standard=is_segment).splitlines()
    pairs = zip(before, after, strict=True)
    return [(one.strip(), other.strip()) for one, other in pairs if one != other]
