"""What a page shows of a model card that anyone may have written."""

import time

import pytest

from cut.web.model_card import LONGEST, first_sample, shown_text

CARD = """---
license: other
---
# Zebra

Turns horses.

![A horse](samples/horse.jpg)

See ![inline](http://evil.example/a.png "a title") and
[![badge](http://evil.example/b.svg)](http://x.example) here.
![by reference][shot] ![shot]
![nested [brackets] in it](http://evil.example/c.png)

[shot]: http://evil.example/d.png

## What it does badly

<p align="center"><img src="http://evil.example/e.png" onerror="alert(1)"></p>
<!-- a note -->
More at <https://example.org/paper>, `--output <DIR>`.

```bash
# a comment
python -m cut translate <FILE>
```
"""


def test_pictures_html_and_titles_are_left_out() -> None:
    text = shown_text(CARD)
    assert text.startswith("Turns horses.")
    assert "![" not in text
    for gone in ("license", "samples/", "a.png", "b.svg", "x.example", "<p", "<img", "a note"):
        assert gone not in text, gone
    assert "and\n here." in text
    assert "\n**What it does badly**\n" in text
    assert "<https://example.org/paper>, `--output <DIR>`" in text
    assert "# a comment\npython -m cut translate <FILE>" in text


def test_a_picture_that_hides_in_code_or_behind_another() -> None:
    for card in ("``` a`b\n![x](http://e.example/a)\n```", "!![x](y)[z](http://e.example/b)"):
        assert "![" not in shown_text(card)


def test_a_card_without_end_takes_no_time() -> None:
    began = time.process_time()
    for piece in ("![", "[](", "<a ", "`", "![a](b ", "<!--", "---\n", "```\n", "```x\n"):
        assert len(shown_text(piece * LONGEST)) <= LONGEST
    assert time.process_time() - began < 2


def test_the_first_sample_is_the_card_s_own_choice() -> None:
    assert first_sample(CARD) == "horse.jpg"
    assert first_sample("![x](../../secret.jpg) ![x](samples/../secret.jpg)") is None
    assert first_sample("") is None


@pytest.mark.parametrize("opening", ["```a`b", "text\u2028```", "text\x0c```"])
def test_what_is_no_fence_to_a_browser_hides_nothing(opening: str) -> None:
    assert "<img" not in shown_text(f"{opening}\n<img src='http://e.example/a'>\n```")


def test_a_fence_that_nothing_closes_is_text() -> None:
    shown = shown_text("```sh\n# kept\n```\n# bold\n```\n# bold too")
    assert shown.startswith("```sh\n# kept\n```\n\n**bold**\n")
    assert shown.endswith("```\n\n**bold too**")
