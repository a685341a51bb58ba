"""The pictures of a training job: compared with the source, with a slider through their history."""

from collections.abc import Sequence

from cut.jobs import PreviewPicture
from cut.web.job_files import folder_of
from cut.web.training.words import duration
from cut.web.widgets.packing import register

_component = register("history", "frame")


def history(
    id: str,
    previews: Sequence[PreviewPicture],
    *,
    live: bool,
    size: tuple[int, int] | None,
    description: str,
    key: str = "history",
) -> None:
    """Show `previews` of the job `id`, oldest first; `live` tells that more will come.

    `size` is the source picture's own width and height; None where each preview is a picture of
    several, which there is nothing to compare with.
    """
    folder = folder_of(id)
    width, height = size or (4, 2)
    data = {
        "id": id,
        "live": live,
        "width": width,
        "height": height,
        "source": f"{folder}/source.jpg" if size else None,
        "labels": ["Before", "After"],
        "description": description,
        "pictures": [
            {
                "step": preview.step,
                "time": duration(preview.seconds),
                "url": f"{folder}/{preview.step}.jpg",
            }
            for preview in previews
        ],
    }
    _component(data=data, key=key)
