"""A translation that was cancelled, wherever it is shown: it waits until it is wanted again."""

from typing import Any

import pytest

import cut
from cut.jobs import Jobs, State
from cut.web import translating
from cut.web.session import read_source
from cut.web.translating import Desk
from tests.pages.train_pages import OpenTrain, ended, labels, submitted
from tests.pages.translate_pages import OpenPage, errors, file, session_of, upload


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """In how many bands translations go, each time one tells how far it is."""
    found: list[int] = []
    in_line = translating.translate_in_line

    def watched(*args: Any, progress: Any, **options: Any) -> Any:
        def tell(done: int, total: int) -> None:
            found.append(total)
            progress(done, total)

        return in_line(*args, progress=tell, **options)

    monkeypatch.setattr(translating, "translate_in_line", watched)
    return found


def test_a_cancelled_translation_waits_until_it_is_wanted_again(
    open_page: OpenPage, told: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page()
    monkeypatch.setenv("CUT_MEMORY_LIMIT_GB", "0.008")
    page = upload(page, file("large.png", width=400, height=300))
    assert errors(page) == []
    assert max(told) > 1, "it went in bands"
    session = session_of(page)
    desk = Desk(session, cut.checkpoints.find(session.checkpoint), 384)
    desk.cancel(session.source)
    told.clear()
    page.selectbox(key="working_size").set_value(384).run()
    assert told == []
    assert any("cancelled" in info.value for info in page.info)
    page.button(key=f"resume-{desk.name(session.source)}").click().run()
    assert errors(page) == []
    assert told
    assert desk.find(session.source) is not None


def test_one_of_several_checkpoints_is_cancelled_and_wanted_again(
    open_page: OpenPage, told: list[int]
) -> None:
    page = open_page(compare="first,second")
    horse = file("horse.png")
    source = read_source(horse[1], horse[0])
    first, second = (
        Desk(session_of(page), cut.checkpoints.find(name), "auto") for name in ("first", "second")
    )
    second.cancel(source)
    page = upload(page, horse)
    assert errors(page) == []
    assert [info.value for info in page.info] == ["horse.png: cancelled."]
    assert first.find(source) is not None
    assert second.find(source) is None
    told.clear()
    page.button(key=f"resume-{second.name(source)}").click().run()
    assert errors(page) == []
    assert not page.info
    assert told
    assert second.find(source) is not None


def test_the_result_of_a_training_is_cancelled_and_wanted_again(
    open_train: OpenTrain, jobs: Jobs, told: list[int]
) -> None:
    job = submitted(jobs)
    ended(jobs, job, State.STOPPED)
    page = open_train()
    model = jobs.get(job.id).model
    assert model is not None
    source = read_source(jobs.picture(job.id, "source").read_bytes(), "source.png")
    desk = Desk(session_of(page), cut.checkpoints.find(model), "native")
    desk.cancel(source)
    told.clear()
    page.query_params["job"] = job.id
    page.run()
    assert errors(page) == []
    assert any("cancelled" in info.value for info in page.info)
    assert "Picture (PNG)" not in labels(page)
    assert told == []
    page.button(key=f"resume-{desk.name(source)}").click().run()
    assert errors(page) == []
    assert "Picture (PNG)" in labels(page)
    assert told, "it tells how far it is"
