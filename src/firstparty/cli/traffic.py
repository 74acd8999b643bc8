"""``firstparty sources traffic`` and ``firstparty domains traffic``."""

from typing import Annotated, Any, Literal

import typer

from firstparty.cli.client import Client
from firstparty.cli.domain_find import find_domain
from firstparty.cli.options import AsJson, InWorkspace, SourceId, Which
from firstparty.cli.output import print_json, print_table

Period = Literal["hour", "day", "week", "quarter"]
OfPeriod = Annotated[Period, typer.Option(help="How far back.")]


def source_traffic(
    source_id: SourceId,
    *,
    period: OfPeriod = "day",
    as_json: AsJson = False,
) -> None:
    """How much came of it, what became of that, and how long it took."""
    found = Client.of_environment().get("sources", source_id, "traffic", period=period)
    _print(found, ("accepted", "delivered", "dead", "expired"), as_json=as_json)


def domain_traffic(
    which: Which,
    *,
    period: OfPeriod = "day",
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """The requests to its API host."""
    client = Client.of_environment()
    domain = find_domain(client, which, workspace)
    _print(client.get("domains", domain["id"], "traffic", period=period), (), as_json=as_json)


def _print(found: dict[str, Any], counts: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    points = [one for one in found["points"] if _is_any(one)]
    latencies = (("TO THE 200", "acknowledged_in"), ("TO DELIVERY", "delivered_in"))
    shown = latencies if counts else latencies[:1]
    print_table(
        ("FROM", "ACKNOWLEDGED", "REFUSED", *map(str.upper, counts), *(head for head, _ in shown)),
        (
            (
                "in all" if one is found["total"] else one["at"][:16].replace("T", " "),
                f"{one['acknowledged']:,}",
                f"{sum(one['refused'].values()):,}",
                *(f"{one[name]:,}" for name in counts),
                *(_say_latency(one[name]) for _, name in shown),
            )
            for one in ([*points, found["total"]] if points else [])
        ),
        empty="Nothing came in this time.",
    )


def _is_any(point: dict[str, Any]) -> bool:
    return any(value and name != "at" for name, value in point.items())


def _say_latency(found: dict[str, Any] | None) -> str:
    """What 95 of 100 took at most."""
    if found is None:
        return ""
    seconds = found["p95_seconds"]
    return "more than a day" if seconds is None else f"<= {seconds:g} s"
