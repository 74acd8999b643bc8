"""`demo.json`: where everything of a running demo is, for people and for scripts outside."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firstparty.demo.installation import DEMO_FILE, SERVICE_DOMAIN, Ports
from firstparty.model.default_hosts import console_host, service_hosts


@dataclass(slots=True, kw_only=True)
class DemoReport:
    """Keeps `demo.json` true: every change rewrites the file whole, by rename."""

    state: Path
    ports: Ports
    console: dict[str, str]
    workspace: dict[str, str] = field(default_factory=dict)
    domains: list[dict[str, Any]] = field(default_factory=list)
    pids: dict[str, int] = field(default_factory=dict)
    story: list[dict[str, Any]] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """Where the report is."""
        return self.state / DEMO_FILE

    @property
    def received(self) -> Path:
        """The upstream's log of what arrived: a JSON object a line."""
        return self.state / "received.ndjson"

    @property
    def ca(self) -> Path:
        """The root that signs the demo's certificates."""
        return self.state / "ca.pem"

    @property
    def service(self) -> dict[str, str]:
        """The service domain's own hosts."""
        cdn_host, api_host = service_hosts(SERVICE_DOMAIN)
        return {
            "cdn_host": cdn_host,
            "api_host": api_host,
            "console_host": console_host(SERVICE_DOMAIN),
        }

    def set_pids(self, pids: Mapping[str, int]) -> None:
        """Take the pids that are true now."""
        self.pids = dict(pids)
        self.save()

    def add_step(self, text: str, seconds: float) -> None:
        """Take one more step of the story, with how long it took."""
        self.story.append({"step": text, "seconds": round(seconds, 3)})
        self.save()

    def set_domains(self, domains: list[dict[str, Any]]) -> None:
        """Take the domains as they are now; nothing is written when nothing changed."""
        if domains != self.domains:
            self.domains = domains
            self.save()

    def save(self) -> None:
        """Write the file; a reader sees the old or the new one."""
        here = "127.0.0.1"
        report = {
            "console": self.console,
            "edge": {
                "https": f"{here}:{self.ports.https}",
                "http": f"{here}:{self.ports.http}",
                "ca": str(self.ca),
            },
            "nameserver": f"{here}:{self.ports.nameserver}",
            "parent_nameserver": f"{here}:{self.ports.parent}",
            "service": self.service,
            "workspace": self.workspace,
            "domains": self.domains,
            "upstream": {
                "url": f"http://{here}:{self.ports.upstream}",
                "received": str(self.received),
            },
            "shop": f"http://localhost:{self.ports.shop}",
            "pids": self.pids,
            "story": self.story,
        }
        fresh = self.file.with_name(f".{DEMO_FILE}.{os.getpid()}")
        fresh.write_text(json.dumps(report, indent=2) + "\n")
        fresh.chmod(0o600)  # it holds the console's password
        fresh.replace(self.file)


def build_domain_report(
    domain: Mapping[str, Any], sources: Mapping[str, Mapping[str, Any]], *, https_port: int
) -> dict[str, Any]:
    """A domain as `demo.json` shows it, from the REST API's domain and its sources by id."""
    origin = f"https://{domain['cdn_host']}:{https_port}"
    return {
        "id": domain["id"],
        "name": domain["name"],
        "mode": domain["mode"],
        "cdn_host": domain["cdn_host"],
        "api_host": domain["api_host"],
        "status": domain["status"],
        "sources": [
            {
                "id": source["id"],
                "name": source["name"],
                "type": source["type"],
                "write_key": source["write_key"],
                "script_url": f"{origin}/analytics.js/v1/{source['write_key']}/analytics.min.js",
                "alias_url": f"{origin}/{source['alias']}.min.js",
            }
            for source in (sources[one] for one in domain["source_ids"] if one in sources)
        ],
    }
