"""A message's way as people read it: what arrived, what was done to it, how it went upstream."""

from typing import Any

from firstparty.cli.output import print_line


def print_event(event: dict[str, Any]) -> None:
    """One event of the tail, on one or a few lines."""
    for line in describe_event(event):
        print_line(line)


def describe_event(event: dict[str, Any]) -> list[str]:
    """The lines for one event of the tail."""
    match event["event"]:
        case "message":
            return _describe_message(event)
        case "outcome":
            reason = f": {event['reason']}" if event["reason"] else ""
            return [f"{_clock(event['at'])}  {event['id']:14}  {event['outcome']}{reason}"]
        case _:
            groups = f" and {event['groups']:,} groups of them" if event["groups"] else ""
            return [f"          {event['messages']:,} messages{groups} not shown"]


def _describe_message(event: dict[str, Any]) -> list[str]:
    body = event["body"] or {}
    kind = str(body.get("type", event["path"]))
    name = str(body.get("event") or body.get("name") or "")
    again = "  replayed" if event["is_replayed"] else ""
    lines = [
        f"{_clock(event['received_at'])}  {event['id']:14}  {event['source_id']}  "
        f"{kind} {name}{again}".rstrip()
    ]
    if event["changes"]:
        lines.append(f"          {', '.join(event['changes'])}")
    if event["reason"]:
        lines.append(f"          cannot be delivered: {event['reason']}")
    return lines


def _clock(instant: str) -> str:
    return instant[11:19]
