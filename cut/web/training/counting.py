"""How many pictures a set of uploaded files holds, before they are checked one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

from cut.errors import CutError
from cut.jobs import LIMITS, Upload
from cut.jobs.archives import is_zip, pictures_listed


@dataclass(frozen=True)
class Count:
    """How many pictures a set holds, and what is wrong with it as a whole."""

    pictures: int
    complaint: str = ""

    @property
    def words(self) -> str:
        """The count in words."""
        return f"{self.pictures:,} picture{'' if self.pictures == 1 else 's'}."


def count_pictures(files: Sequence[Upload]) -> Count:
    """Return how many pictures `files`, and the zips among them, list."""
    try:
        pictures = sum(len(pictures_listed(file)) if is_zip(file) else 1 for file in files)
    except CutError as error:
        return Count(0, str(error))
    if pictures > LIMITS.pictures:
        complaint = f"{pictures:,} pictures are too many: at most {LIMITS.pictures:,} a side."
    elif pictures < LIMITS.least_pictures:
        complaint = f"At least {LIMITS.least_pictures} pictures a side are needed; more are better."
    else:
        complaint = ""
    return Count(pictures, complaint)
