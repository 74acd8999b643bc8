from typing import Any

import pytest

from firstparty.model.findings import Severity
from firstparty.reconciler.probed import Check, HostAnswer, HostsAnswer
from firstparty.reconciler.watch import judge_hosts


def answered(check: Check, **parts: Any) -> HostAnswer:
    types = {
        Check.SETTINGS: "application/json",
        Check.SCRIPT: "text/javascript",
        Check.MESSAGE: "application/json",
    }
    good = {
        "host": "h.test",
        "address": "127.0.0.1:443",
        "status": 200,
        "content_type": types.get(check, ""),
    }
    return HostAnswer(check=check, **(good | parts))


@pytest.mark.parametrize(
    "answer",
    [
        answered(Check.SETTINGS),
        answered(Check.SETTINGS, content_type="application/json; charset=utf-8"),
        answered(Check.SCRIPT, content_type="application/javascript"),
        answered(Check.PREFLIGHT, status=204),
        answered(Check.MESSAGE),
        answered(Check.MESSAGE, status=429),
    ],
)
def test_a_host_that_answers_as_it_must_has_no_finding(answer: HostAnswer) -> None:
    assert judge_hosts(HostsAnswer(answers=(answer,)), has_been_live=True) == ()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (answered(Check.SETTINGS, status=0, trouble="no answer in time"), "host-unreachable"),
        (answered(Check.SETTINGS, status=503), "cdn-host-wrong"),
        (answered(Check.SETTINGS, status=301), "cdn-host-wrong"),
        (answered(Check.SETTINGS, is_well_formed=False), "cdn-host-wrong"),
        (answered(Check.SETTINGS, content_type="text/html"), "cdn-host-wrong"),
        (answered(Check.SCRIPT, content_type="text/html"), "cdn-host-wrong"),
        (answered(Check.PREFLIGHT, status=421), "api-host-wrong"),
        (answered(Check.MESSAGE, status=401), "api-host-wrong"),
        (answered(Check.MESSAGE, is_well_formed=False), "api-host-wrong"),
        (answered(Check.MESSAGE, status=503), "messages-not-stored"),
    ],
)
def test_a_host_that_answers_wrongly_has_one(answer: HostAnswer, code: str) -> None:
    before, after = (
        judge_hosts(HostsAnswer(answers=(answer, answer)), has_been_live=live)
        for live in (False, True)
    )

    assert [one.code for one in before] == [code]
    assert before[0].severity is Severity.PENDING
    assert after[0].severity is Severity.FAILING


def test_hosts_that_nobody_asked_have_not_passed() -> None:
    (finding,) = judge_hosts(HostsAnswer(answers=()), has_been_live=False)

    assert finding.code == "edge-not-probed"
