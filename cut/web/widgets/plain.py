"""Text from outside, made safe to stand in a page."""

import re

_OPTION = re.compile(r"\s*\(--[^()]*\)")  # "(--terms TEXT)": how the command line would have it
_MARKS = re.compile(r"[\\`*\[\]<>$~]|(?<!\w)_|_(?!\w)")


def plain(text: str) -> str:
    """Return `text` so that Markdown shows it as it is: a file may be called `![](http://...)`."""
    return _MARKS.sub(r"\\\g<0>", " ".join(text.split()))


def without_options(text: str) -> str:
    """Return `text`, written for the command line, without the options that it names."""
    return _OPTION.sub("", text).strip()


def sentence(text: str) -> str:
    """Return `text`, written for the command line, as a sentence that `plain` made safe."""
    text = without_options(text)
    if text.split(" ", 1)[0].isalpha():
        text = text[:1].upper() + text[1:]
    return plain(text if text.endswith((".", "!", "?")) else f"{text}.")
