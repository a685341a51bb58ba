"""A model card as a page may show it: Markdown from outside, without pictures, HTML and titles."""

import re
from collections.abc import Iterator

from cut.checkpoints import FRONT_MATTER

LONGEST = 40_000
"""Characters that are shown; a card of ours has some 4,000."""

_FIRST_HEADING = re.compile(r"\A\s*# [^\n]*\n")
_PICTURE = re.compile(
    r"!\[[^\[\]]{0,500}\](?:\([^()\s]{0,2000}(?:\s+\"[^\"]{0,500}\")?\s*\)|\[[^\[\]]{0,200}\])?"
)
_EMPTY_LINK = re.compile(r"\[\s*\]\([^()\s]{0,2000}\)")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
"""As Markdown has lines: `str.splitlines` knows more ends of a line than that."""
_FENCE = "```"
_OPENING = re.compile(r"```+[^`\n]*$", re.MULTILINE)
"""A further mark in the line makes it text, with HTML, to those who show it."""
_INLINE_CODE = re.compile(r"(`[^`\n]+`)")
_HTML = re.compile(r"<!--.{0,2000}?-->|</?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?/?>", re.DOTALL)
_HEADING = re.compile(r"^#+ +(.*?)\s*$", re.MULTILINE)
_FIRST_SAMPLE = re.compile(r"!\[[^\[\]]{0,500}\]\(samples/([^()\s/]{1,200})\)")


def shown_text(card: str) -> str:
    """Return the Markdown of a model card without its title, what a program reads, and pictures.

    Its pictures name files that are not served, or other people's servers. HTML would be shown as
    it is written; headings become bold lines, as a card stands below headings of the page's own.
    """
    text = _FIRST_HEADING.sub("", FRONT_MATTER.sub("", card[:LONGEST]))
    # Everywhere, since what this holds to be code a browser may not; and what is left of a mark
    # that is a picture's is none any more.
    text = _EMPTY_LINK.sub("", _PICTURE.sub("", text)).replace("![", "[")
    shown = (part if is_code else _without_marks(part) for part, is_code in _blocks(text))
    return "".join(shown).strip()


def _without_marks(text: str) -> str:
    """Text outside of code blocks, its headings bold lines, and without HTML."""
    parts = _INLINE_CODE.split(text)
    parts[::2] = [_HEADING.sub(r"\n**\1**\n", _HTML.sub("", part)) for part in parts[::2]]
    return "".join(parts)


def _blocks(text: str) -> Iterator[tuple[str, bool]]:
    """Text and fenced code in turn, and which it is; a fence that nothing closes is text.

    Line by line: an expression that looks for the end of each fence takes seconds for a card of
    thousands of them.
    """
    block: list[str] = []
    fenced = False
    for line in _LINE.findall(text):
        if fenced:
            block.append(line)
            if line.rstrip() == _FENCE:
                yield "".join(block), True
                block, fenced = [], False
        elif _OPENING.match(line):
            yield "".join(block), False
            block, fenced = [line], True
        else:
            block.append(line)
    yield "".join(block), False


def first_sample(card: str) -> str | None:
    """Return the file's name of the first sample that a card shows, or None if it shows none."""
    found = _FIRST_SAMPLE.search(card[:LONGEST])
    return found[1] if found else None
