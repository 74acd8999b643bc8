"""What an assistant may ask, and, where it may write, do. Each tool is one REST operation."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, Protocol

from firstparty.model.domains import Mode
from firstparty.model.status import Word

_MOST: Final = 100  # items of a list, so that an answer fits into a conversation

Query = str | int | None


class Rest(Protocol):
    """A running product's REST API. Every call raises with a sentence for what went wrong."""

    def get(self, *path: str, **query: Query) -> Any:
        """The answer to a GET."""
        ...

    def post(self, *path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer to a POST."""
        ...

    def list_all(self, *path: str, **query: Query) -> Iterator[Any]:
        """Every item of a list."""
        ...

    def stream(self, *path: str, **query: Query) -> Iterator[Any]:
        """Each event of a stream."""
        ...


class ReadingTools:
    """Tools that change nothing."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def list_workspaces(self) -> list[dict[str, Any]]:
        """The workspaces (tenants) that this token sees."""
        return self._list("workspaces")

    def list_domains(
        self, workspace: str | None = None, part: str | None = None, status: Word | None = None
    ) -> list[dict[str, Any]]:
        """Customers' subdomains with status and findings; by part of the name, or by status."""
        return self._list("domains", workspace=workspace, q=part, status=status)

    def show_domain(self, domain_id: str) -> dict[str, Any]:
        """One domain: the DNS records to add, four statuses, findings and who must act."""
        return self._object("domains", domain_id)

    def examine_domain(self, domain_id: str) -> list[dict[str, Any]]:
        """Look at all of a domain now: DNS, certificate, edge, hosts, messages; with fixes."""
        return list(self._rest.stream("domains", domain_id, "doctor"))

    def list_sources(
        self, workspace: str | None = None, part: str | None = None
    ) -> list[dict[str, Any]]:
        """Sites and apps that send messages, with their write keys and addresses."""
        return self._list("sources", workspace=workspace, q=part)

    def show_snippet(self, source_id: str, form: str = "html") -> dict[str, Any]:
        """The code that a site's developer pastes: html, npm, python, node and so on."""
        return self._object("sources", source_id, "snippet", format=form)

    def show_ledger(self, workspace: str | None = None) -> list[dict[str, Any]]:
        """How many messages of each source were accepted, delivered, wait, or are dead letters."""
        return self._list("events", "ledger", workspace=workspace)

    def list_dead_letters(
        self, workspace: str | None = None, source_id: str | None = None
    ) -> list[dict[str, Any]]:
        """Messages that their upstream refused for good, each with the reason."""
        return self._list("events", "dead", workspace=workspace, source=source_id)

    def list_audit(
        self, workspace: str | None = None, action: str | None = None
    ) -> list[dict[str, Any]]:
        """Who changed what, newest first."""
        return self._list("audit", workspace=workspace, action=action)

    def _list(self, *path: str, **query: Query) -> list[dict[str, Any]]:
        return list(islice(self._rest.list_all(*path, **query), _MOST))

    def _object(self, *path: str, **query: Query) -> dict[str, Any]:
        found: dict[str, Any] = self._rest.get(*path, **query)
        return found


class WritingTools:
    """Tools that change something: offered only where the person who starts the server says so."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def add_domain(
        self,
        name: str,
        source_ids: list[str],
        mode: Mode = Mode.DELEGATION,
        workspace: str | None = None,
    ) -> dict[str, Any]:
        """Ask for a subdomain; the answer has the DNS records that its owner must add."""
        body = {"name": name, "source_ids": source_ids, "mode": mode, "workspace_id": workspace}
        return self._post("domains", body=body)

    def check_domain(self, domain_id: str) -> dict[str, Any]:
        """Have a domain looked at now, without waiting for the next look."""
        return self._post("domains", domain_id, "check")

    def pause_domain(self, domain_id: str) -> dict[str, Any]:
        """Keep everything of a domain and do nothing, until it is resumed."""
        return self._post("domains", domain_id, "pause")

    def resume_domain(self, domain_id: str) -> dict[str, Any]:
        """Go on with a paused domain."""
        return self._post("domains", domain_id, "resume")

    def replay_dead_letters(self, source_id: str) -> dict[str, Any]:
        """Send the dead letters of a source again."""
        return self._post("events", "dead", "replay", body={"source_id": source_id})

    def _post(self, *path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        done: dict[str, Any] = self._rest.post(*path, body=body)
        return done
