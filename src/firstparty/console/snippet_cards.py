"""Which snippets a source's page shows, ready to be copied."""

from dataclasses import dataclass, replace

from firstparty.model.workspaces import Source
from firstparty.snippets.catalogue import build_snippet, list_forms_for
from firstparty.snippets.facts import SnippetFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class SnippetCard:
    """One snippet; ``id`` is unique on the page."""

    id: str
    title: str
    hint: str
    install: str
    code: str


def snippet_cards(source: Source, facts: SnippetFacts) -> tuple[SnippetCard, ...]:
    """The snippets for this source's type."""
    cards: list[SnippetCard] = []
    for name, form in list_forms_for(source.type).items():
        card = SnippetCard(
            id=f"{name}-{source.id}",
            title=form.title,
            hint=" ".join(form.notes),
            install=form.install,
            code=build_snippet(name, facts),
        )
        cards.append(card)
        if name == "html":
            cards[-1] = replace(card, title=f"{form.title} (alias path)")
            cards.append(_standard_card(source, facts, card))
    return tuple(cards)


def _standard_card(source: Source, facts: SnippetFacts, alias: SnippetCard) -> SnippetCard:
    return replace(
        alias,
        id=f"standard-{source.id}",
        title=f"{alias.title} (standard path)",
        hint="The path that everybody knows, filter lists too. It names the write key.",
        code=build_snippet("html", facts, is_standard=True),
    )


def content_security_policy(facts: SnippetFacts) -> str:
    """What a site's policy must allow for the script to load, read its settings and send."""
    return f"script-src {facts.cdn_origin};\nconnect-src {facts.cdn_origin} {facts.api_origin};"
