"""What the HTML of a page says of its policies, and where our snippet stands in it. Pure."""

from dataclasses import dataclass
from html.parser import HTMLParser

_POLICY = "content-security-policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """``metas`` are the policies of meta elements, in their order.

    ``has_snippet``: a script of the page has one of the texts that were looked for; ``has_nonce``:
    its element bears a nonce; ``metas_before`` of the policies stand in front of it.
    """

    metas: tuple[str, ...]
    has_snippet: bool
    has_nonce: bool
    metas_before: int


def read_page(html: str, marks: tuple[str, ...]) -> PageFacts:
    """Read a page; whatever is wrong with its HTML is taken as browsers mostly take it.

    ``marks`` are texts of which the snippet has one, in its own text or as its script's address.
    """
    reader = _Reader(marks)
    reader.feed(html)
    return PageFacts(
        metas=tuple(reader.metas),
        has_snippet=reader.has_snippet,
        has_nonce=reader.has_nonce,
        metas_before=reader.metas_before if reader.has_snippet else len(reader.metas),
    )


class _Reader(HTMLParser):
    """Collects policies and finds the snippet's element."""

    def __init__(self, marks: tuple[str, ...]) -> None:
        super().__init__(convert_charrefs=True)
        self._marks = marks
        self._nonce = ""
        self._is_in_script = False
        self.metas: list[str] = []
        self.has_snippet = False
        self.has_nonce = False
        self.metas_before = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "meta" and said.get("http-equiv", "").strip().lower() == _POLICY:
            self.metas.append(said.get("content", ""))
        elif tag == "script":
            self._is_in_script, self._nonce = True, said.get("nonce", "")
            self._look(said.get("src", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._is_in_script = False

    def handle_data(self, data: str) -> None:
        if self._is_in_script:
            self._look(data)

    def _look(self, text: str) -> None:
        if not self.has_snippet and any(mark in text for mark in self._marks):
            self.has_snippet = True
            self.has_nonce = bool(self._nonce)
            self.metas_before = len(self.metas)
