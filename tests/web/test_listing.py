"""Which trainings are listed to whom."""

import pytest
import streamlit as st

from cut.jobs import Jobs
from cut.jobs.database import Database
from cut.web.training import listing
from tests.jobs.conftest import home, jobs, started
from tests.jobs.made import pair, request

__all__ = ["home", "jobs", "started"]


@pytest.mark.parametrize(
    ("password", "hosts", "address", "expected"),
    [
        ("", "", None, True),  # at the machine itself
        ("", "", "192.0.2.7", False),
        ("", "cut.example.org", None, False),  # through a proxy
        ("secret", "", "192.0.2.7", True),
        ("secret", "cut.example.org", None, True),
    ],
)
def test_who_shares_the_server(
    password: str,
    hosts: str,
    address: str | None,
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUT_PASSWORD", password)
    monkeypatch.setenv("CUT_ALLOWED_HOSTS", hosts)
    monkeypatch.setattr(type(st.context), "ip_address", property(lambda _: address))
    assert listing.shares_all() is expected


def test_jobs_of_ids_that_a_browser_sent(jobs: Jobs) -> None:
    first, second, _ = (jobs.submit(request(), *pair()) for _ in range(3))
    sent = [first.id, "gone", "\ud800", 7, None, second.id, first.id, *(["x"] * 200)]
    assert listing.of_ids(jobs, sent) == [jobs.get(second.id), jobs.get(first.id)]
    assert listing.of_ids(jobs, []) == []


def test_many_ids_are_looked_up_at_once(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [jobs.submit(request(), *pair()).id for _ in range(3)]
    opened, reading = [], Database.reading
    monkeypatch.setattr(Database, "reading", lambda self: opened.append(self) or reading(self))
    listing.of_ids(jobs, kept[:1])
    for_one = len(opened)
    assert len(listing.of_ids(jobs, kept)) == 3
    assert len(opened) - for_one == for_one
