"""A doctor that looks at nothing outside: two checks, the second of which never ends in time."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

from firstparty.doctor.checks import Check, Found, Verdict
from firstparty.errors import Refused


async def _is_well() -> AsyncGenerator[Found, None]:
    yield Found(verdict=Verdict.PASS, sentence="All is well.")


async def _says_one_thing_and_hangs() -> AsyncGenerator[Found, None]:
    yield Found(verdict=Verdict.WARN, sentence="Something is odd.", code="odd", fix="Look again.")
    await asyncio.sleep(60)


async def _sees_an_old_snippet() -> AsyncGenerator[Found, None]:
    new = "https://evs.cdp.shop.test/mU51AcorMiom6E8j2m1UJi/go18rexsDtdqGBkYKzwMq.min.js"
    old = "https://cdn.segment.com/analytics.js/v1/WKSHOPWEBWKSHOPWEBWKSHOPWEB/analytics.min.js"
    yield Found(
        verdict=Verdict.WARN,
        sentence="The script of Web shop is loaded from cdn.segment.com.",
        code="snippet-old-host",
        fix="In the snippet, change the script's address.",
        evidence=(f"GET {old}: 200",),
        lines=(f"- {old}", f"+ {new}"),
    )


class FakeDoctor:
    """See ``doctor.checks.Doctor``."""

    def list_domain_checks(self, domain_id: str, *, with_message: bool) -> tuple[Check, ...]:
        del domain_id
        checks = (
            Check(name="well", title="what is well", deadline=timedelta(5), look=_is_well),
            Check(
                name="slow",
                title="what is slow",
                deadline=timedelta(milliseconds=50),
                look=_says_one_thing_and_hangs,
            ),
        )
        return checks if with_message else checks[:1]

    def list_address_checks(
        self, address: str, *, workspace_id: str, with_browser: bool
    ) -> tuple[Check, ...]:
        del workspace_id
        if "://" not in address:
            raise Refused("bad-address", f"{address!r} is no address.", field="url")
        checks = self.list_domain_checks("", with_message=True)
        browser = Check(
            name="browser",
            title="the page in a browser",
            deadline=timedelta(minutes=1),
            look=_sees_an_old_snippet,
        )
        return (*checks, browser) if with_browser else checks
