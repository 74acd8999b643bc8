"""Has each host an address, and one that may be reached."""

from firstparty.outbound.http import Failure, Unreached
from firstparty.proxies.context import Check, Context
from firstparty.proxies.result import Verdict, failed, passed
from firstparty.proxies.target import Side

_CAUSES = {Failure.NO_SUCH_NAME: "no-address", Failure.NOT_PUBLIC: "private-address"}


def build_checks(side: Side, first: str) -> tuple[Check, ...]:
    """The DNS check of one side, seen by its request ``first``."""

    def decide(context: Context) -> Verdict:
        answer = context.seen[first]
        if isinstance(answer, Unreached) and answer.failure in _CAUSES:
            return failed(first, _CAUSES[answer.failure])
        return passed(first, "The host has an address.")

    title = f"The {side.upper()} host has a public address"
    return (Check(name=f"{side}.dns", title=title, needs=(first,), decide=decide, may_fail=True),)
