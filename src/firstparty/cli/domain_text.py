"""A domain for a person at a terminal: what it is, what to add, what is missing."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from firstparty.cli.errors import ExitCode
from firstparty.cli.output import print_facts, print_line
from firstparty.model.status import Word

_EXIT_CODES: Final[Mapping[str, ExitCode]] = {
    Word.FAILING: ExitCode.FAILING,
    Word.WARNING: ExitCode.WARNING,
}


def exit_code_of(word: str) -> ExitCode:
    """Good for every word that is neither a warning nor failing: waiting is no failure."""
    return _EXIT_CODES.get(word, ExitCode.GOOD)


def print_domain(domain: Mapping[str, Any]) -> None:
    """The domain's facts, then its records, then what is missing."""
    print_facts(
        (
            ("domain", domain["name"]),
            ("id", domain["id"]),
            ("mode", domain["mode"]),
            ("status", domain["status"]),
            ("dns", domain["dns"]),
            ("certificate", domain["certificate"]),
            ("edge", domain["edge"]),
            ("probe", domain["probe"]),
            ("CDN host", domain["cdn_host"]),
            ("API host", domain["api_host"]),
            ("sources", ", ".join(source["name"] for source in domain["sources"])),
        )
    )
    if domain["move"] is not None:
        print_facts((("move", "{old_name} -> {new_name}, {state}".format_map(domain["move"])),))
    if domain["drain"] is not None:
        _print_drain(domain["drain"])
    print_line("\nRecords to add at your DNS provider:")
    for record in domain["records"]:
        print_line(_describe_record(record))
    if domain["optional_records"]:
        print_line("\nOptional, for certificates without port 80:")
        for record in domain["optional_records"]:
            print_line(_describe_record(record))
    if domain["ds"] is not None:
        print_line("\nFor DNSSEC, if you like, beside them:")
        print_line(_describe_record(domain["ds"]))
    if domain["key_roll"] is not None:
        print_line(
            "\nIts key is being replaced: {state} since {since}.".format_map(domain["key_roll"])
        )
    for line in describe_reasons(domain):
        print_line(line)


def _print_drain(drain: Mapping[str, Any]) -> None:
    """What still arrives at a domain that goes away."""
    waiting = drain["undelivered"]
    print_facts(
        (
            ("draining since", drain["since"]),
            ("CDN requests", str(drain["cdn_requests"])),
            ("API requests", str(drain["api_requests"])),
            ("last request", drain["last_request_at"] or "none so far"),
            ("undelivered", "not known" if waiting is None else str(waiting)),
        )
    )


def _describe_record(record: Mapping[str, Any]) -> str:
    mark = "found" if record["found"] else "not found"
    return f"  {record['name']} {record['ttl']} IN {record['type']} {record['value']}  ; {mark}"


def describe_reasons(domain: Mapping[str, Any]) -> Iterator[str]:
    """One line for each finding and each warning."""
    for finding in domain["findings"]:
        yield f"{finding['severity']}: {finding['sentence']} ({_who_acts(finding['acts'])})"
    for warning in domain["warnings"]:
        yield f"advice: {warning['sentence']}"


def _who_acts(actor: str) -> str:
    return "nobody must act: wait" if actor == "nobody" else f"{actor} acts"
