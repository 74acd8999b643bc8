from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstparty.console import words
from firstparty.console.domain_page import (
    digest_of,
    relative_name,
    steps_of,
    stopwatch_total,
    zone_file,
)
from firstparty.console.forms import parse_form
from firstparty.console.sign_in import local_path
from firstparty.control.views import DomainView, RecordView
from firstparty.model.findings import Actor, DnsRecord, Finding
from firstparty.model.observations import Observation, Step
from firstparty.model.status import (
    CertificateStatus,
    DnsStatus,
    EdgeStatus,
    ProbeStatus,
    Word,
)
from firstparty.model.workspaces import SourceType
from tests.builders import NOW, a_domain


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (Word, words.WORD_TONES),
        (Word, words.WORD_SENTENCES),
        (DnsStatus, words.DNS),
        (CertificateStatus, words.CERTIFICATE),
        (EdgeStatus, words.EDGE),
        (ProbeStatus, words.PROBE),
        (Step, words.STEPS),
        (Actor, words.ACTORS),
        (SourceType, words.SOURCE_TYPES),
    ],
)
def test_every_state_of_the_model_has_words_on_the_page(
    states: type[StrEnum], said: dict[StrEnum, object]
) -> None:
    assert set(said) == set(states)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3, "0.0 s"),
        (0.42, "0.4 s"),
        (59.6, "1 min 0 s"),
        (192, "3 min 12 s"),
        (7_440, "2 h 4 min"),
        (3_600 * 50, "2 d 2 h"),
    ],
)
def test_a_duration_is_said_in_two_units_at_most(seconds: float, said: str) -> None:
    assert words.say_duration(timedelta(seconds=seconds)) == said


def test_the_date_is_said_only_when_it_is_not_today() -> None:
    today = datetime(2026, 11, 21, 9, 5, 7, tzinfo=UTC)

    assert words.say_clock(today, NOW) == "09:05:07 UTC"
    assert words.say_clock(today - timedelta(days=1), NOW) == "20 November 2026, 09:05:07 UTC"


def test_the_name_for_providers_leaves_out_the_registered_domain() -> None:
    assert relative_name("cdp.shop.co.uk.") == ("cdp", "shop.co.uk")
    assert relative_name("a.b.shop.com.") == ("a.b", "shop.com")


def test_a_zone_file_has_one_record_a_line() -> None:
    records = tuple(
        RecordView(record=DnsRecord(name="s.x.test.", type="NS", value=f"{n}.ns."), found=False)
        for n in "ab"
    )

    assert zone_file(records) == "s.x.test. 3600 IN NS a.ns.\ns.x.test. 3600 IN NS b.ns."


def test_a_later_look_that_finds_the_same_does_not_change_the_page() -> None:
    finding = Finding(code="c", sentence="S.", acts=Actor.OWNER, look_again_at=NOW)
    later = Finding(
        code="c", sentence="S.", acts=Actor.OWNER, look_again_at=NOW + timedelta(seconds=2)
    )
    other = Finding(code="d", sentence="T.", acts=Actor.OWNER)
    first = a_view(findings=(finding,), checked_at=NOW, tries=1)

    assert digest_of(first) == digest_of(
        a_view(findings=(later,), checked_at=NOW + timedelta(seconds=2), tries=2)
    )
    assert digest_of(first) != digest_of(a_view(findings=(other,), checked_at=NOW))


def test_the_stopwatch_starts_when_the_records_are_found() -> None:
    marks = {Step.ASKED: NOW, Step.DELEGATED: NOW + timedelta(hours=1)}
    now = NOW + timedelta(hours=1, seconds=3)
    waiting = a_view(stopwatch={Step.ASKED: NOW})

    assert stopwatch_total(a_view(stopwatch=marks), now) == "3.0 s since the records were found."
    assert stopwatch_total(waiting, NOW + timedelta(seconds=61)) == "Waiting for 1 min 1 s."
    assert stopwatch_total(a_view(word=Word.PAUSED, stopwatch=marks), now) == ""


def test_exactly_one_step_is_the_one_being_worked_on() -> None:
    marks = {Step.ASKED: NOW, Step.DELEGATED: NOW + timedelta(seconds=94)}
    states = [step.state for step in steps_of(a_view(stopwatch=marks))]
    paused = [step.state for step in steps_of(a_view(word=Word.PAUSED, stopwatch=marks))]

    assert states == ["done", "done", "now", "next", "next", "next"]
    assert paused == ["done", "done", "next", "next", "next", "next"]


@given(st.binary(max_size=400))
def test_any_bytes_of_few_fields_are_a_form(body: bytes) -> None:
    form = parse_form(body)

    assert all(isinstance(value, str) for name in form.fields for value in form.texts(name))


@given(st.text(max_size=200))
def test_where_sign_in_leads_to_is_always_a_path_of_this_console(text: str) -> None:
    path = local_path(text)

    assert path.startswith("/")
    assert not path.startswith("//")
    assert "\\" not in path
    assert path.isprintable()


def test_a_password_is_never_shown_again() -> None:
    form = parse_form(b"email=a%40b&password=secret")

    assert form.typed() == {"email": "a@b"}


def a_view(*, word: Word = Word.WAITING, **seen: object) -> DomainView:
    return DomainView(
        domain=a_domain(),
        observation=Observation(domain_id="dom_1", **seen),  # type: ignore[arg-type]
        word=word,
        records=(),
        sources=(),
        warnings=(),
    )
