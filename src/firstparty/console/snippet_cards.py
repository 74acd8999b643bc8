"""Which snippets a source's page shows, ready to be copied."""

from dataclasses import dataclass

from firstparty.model.workspaces import Source, SourceType
from firstparty.snippets.catalogue import build_snippet, list_forms
from firstparty.snippets.facts import SnippetFacts

_FORMS = {
    SourceType.JAVASCRIPT: ("html", "npm"),
    SourceType.PYTHON: ("python",),
    SourceType.NODE: ("node",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SnippetCard:
    """One snippet; ``id`` is unique on the page."""

    id: str
    title: str
    hint: str
    code: str


def snippet_cards(source: Source, facts: SnippetFacts) -> tuple[SnippetCard, ...]:
    """The snippets for this source's type; none for a type that has no form yet."""
    cards: list[SnippetCard] = []
    for name in _FORMS.get(source.type, ()):
        form = list_forms()[name]
        hint = " ".join(form.notes)
        identifier = f"{name}-{source.id}"
        if name == "html":
            cards.append(
                SnippetCard(
                    id=f"alias-{source.id}",
                    title=f"{form.title}, by the alias",
                    hint=hint,
                    code=build_snippet(name, facts),
                )
            )
            cards.append(
                SnippetCard(
                    id=f"standard-{source.id}",
                    title=f"{form.title}, by the standard path",
                    hint="The path that everybody knows, filter lists too. It names the write key.",
                    code=build_snippet(name, facts, is_standard=True),
                )
            )
        else:
            title = f"{form.title}: {form.install}" if form.install else form.title
            cards.append(
                SnippetCard(id=identifier, title=title, hint=hint, code=build_snippet(name, facts))
            )
    return tuple(cards)


def content_security_policy(facts: SnippetFacts) -> str:
    """What a site's policy must allow for the script to load, read its settings and send."""
    return f"script-src {facts.cdn_origin};\nconnect-src {facts.cdn_origin} {facts.api_origin};"
