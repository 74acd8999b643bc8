"""The documentation page of a provider, from the same data that its files come from."""

from typing import Final

from firstparty.proxies.catalogue import Checked, Topic, find_provider, list_providers
from firstparty.proxies.generate import Generated, generate
from firstparty.proxies.model import SEGMENT_APIS, SEGMENT_CDN, Proxy, Upstream

_CHECKED: Final = {Checked.RUN: "run", Checked.FORM: "form only"}
_EXAMPLE: Final = Proxy(
    cdn_host="evs.shop.com",
    api_host="api.shop.com",
    cdn=Upstream(host=SEGMENT_CDN),
    api=Upstream(host=SEGMENT_APIS["us"]),
    write_key="WRITE_KEY",
)


def build_page(name: str) -> str:
    """The Markdown of one provider's page."""
    provider, made = find_provider(name), generate(name, _EXAMPLE)
    hosts = f"--cdn-host {_EXAMPLE.cdn_host} --api-host {_EXAMPLE.api_host}"
    lines = [
        f"# A proxy with {provider.title}",
        "",
        f"    firstparty proxy generate {name} --source ID {hosts} --output DIR",
        "",
        "This page is made from the data that the files are made from.",
        "",
        "## Steps",
        "",
        *(f"{number}. {step}" for number, step in enumerate(made.steps, 1)),
        "",
        "## DNS records",
        "",
        *_build_records(made),
        "",
        "## Does it work?",
        "",
        *(f"    {command}" for command in made.proof),
        "",
        "## What it does",
        "",
        provider.tried,
        "",
        "| about | the proxy | checked |",
        "|---|---|---|",
        *(
            f"| {topic} | {provider.claims[topic].does} |"
            f" {_CHECKED[provider.claims[topic].checked]} |"
            for topic in Topic
        ),
        "",
        "*run*: our tests sent a request through what was generated.",
        "*form only*: our tests know that the files are well formed; the rest is what the",
        "provider's documentation says.",
    ]
    return "\n".join(lines) + "\n"


def _build_records(made: Generated) -> list[str]:
    if not made.records:
        return [f"None: {made.title} makes them itself."]
    return [
        "| name | type | value |",
        "|---|---|---|",
        *(f"| `{one.name}` | {one.type} | `{one.value}` |" for one in made.records),
    ]


def build_index() -> str:
    """The Markdown of the page that leads to the providers' pages."""
    rows = []
    for name, provider in list_providers().items():
        runs = [topic for topic in Topic if provider.claims[topic].checked is Checked.RUN]
        rows.append(f"| [{provider.title}]({name}.md) | {len(runs)} of {len(Topic)} |")
    return "\n".join(
        [
            "# Proxies of your own",
            "",
            "Owners who keep to their own CDN or server put a proxy there, between browsers and",
            "SDKs and Segment. `firstparty proxy generate PROVIDER` makes its files.",
            "",
            "With `--source ID` it is that source's proxy; with `--region us` (or `eu`) that of",
            "Segment's own endpoints, for which nothing else of Firstparty has to run.",
            "",
            "Requests are told apart by their path, so one host can do what two do: leave out",
            "`--api-host`.",
            "",
            "Destinations in device mode run their vendor's script in the browser and talk to the",
            "vendor directly: no proxy covers them. The command lists those of the source.",
            "",
            "| provider | claims that our tests run |",
            "|---|---|",
            *rows,
            "",
        ]
    )
