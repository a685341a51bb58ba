"""What stays on the server's disk when it ends."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.helpers import make_checkpoint
from tests.web.serving import running_server

pytestmark = pytest.mark.browser


def test_no_picture_stays_behind_when_the_server_is_ended(browser: Browser, tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "checkpoints" / "tiny", ngf=4)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with (
        browser.new_context() as context,
        running_server(tmp_path, TMPDIR=str(temporary)) as server,
    ):
        page = context.new_page()
        page.goto(f"{server.url}/?checkpoint=tiny")
        expect(page.get_by_role("button", name="Download PNG")).to_be_visible()
        assert list(temporary.glob("cut-*/*.png"))
    assert not list(temporary.rglob("*.png"))
