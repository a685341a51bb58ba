"""One model, one score: how close its translations come to the target, and doing nothing beside."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from cut.errors import CutError
from cut.evaluation import METRICS
from cut.evaluation.batches import FeatureNetwork, at_short_side
from cut.evaluation.distances import frechet_distance, squared_mmd
from cut.evaluation.features import features_of, list_pictures, read_stored
from cut.evaluation.inception import inception
from cut.evaluation.intervals import Interval, intervals
from cut.evaluation.lite0 import SIFID_SIDE, lite0
from cut.evaluation.structure import structure_kept

Translate = Callable[[Image.Image], Image.Image]
Report = Callable[[str], None]
Progress = Callable[[Sequence[Path], str], Iterable[Path]]

FOLDER_SIDE = 256
"""The short side, in pixels, at which the paper's data sets are scored."""


@dataclass(frozen=True)
class Pair:
    """A picture that was translated."""

    file: Path
    before: Image.Image
    after: Image.Image
    structure_kept: float
    """Correlation of edges in input and output."""


Watcher = Callable[[Pair], None]


@dataclass(frozen=True)
class Score:
    """What a model scored. Less is better, but for `structure_kept`, which speaks of content."""

    metric: str
    value: float
    interval: Interval | None
    """Ends of the 95 % interval; None for few pictures, which tell nothing of others."""
    doing_nothing: float
    """What the inputs score themselves."""
    doing_nothing_interval: Interval | None
    gain_interval: Interval | None
    """Of `doing_nothing` less `value`: the model is better than nothing where both are above 0."""
    images: int
    """Pictures translated."""
    targets: int
    skipped: int
    """Files of either side that could not be used."""
    structure_kept: float
    """Mean correlation of edges in input and output: 1 all kept, 0 nothing."""

    @property
    def gain(self) -> float:
        """How much nearer to the target the model's pictures are than their inputs."""
        return self.doing_nothing - self.value

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def kid_lite0(
    images_a: Iterable[Image.Image] | Tensor,
    images_b: Iterable[Image.Image] | Tensor,
    device: str = "cpu",
) -> float:
    """Return KID-lite0 between two sets of RGB pictures, or of their features (n x 1280).

    Squared MMD with KID's cubic kernel over EfficientNet-Lite0 features: about zero for two
    samples of one kind, and more the further apart. Raises CutError for fewer than two pictures.
    """
    a, b = (
        images if isinstance(images, Tensor) else lite0(device).embed(images)
        for images in (images_a, images_b)
    )
    _check_count("the first set", len(a), "kid-lite0")
    _check_count("the second set", len(b), "kid-lite0")
    return squared_mmd(a, b)


def sifid_lite0(a: Image.Image, b: Image.Image, device: str = "cpu") -> float:
    """Return SIFID-lite0 between two RGB pictures: the Frechet distance of their textures.

    After SIFID (Shaham et al., "SinGAN", ICCV 2019), on the stride-4 features of EfficientNet-Lite0
    at a short side of 512 px.
    """
    network = lite0(device)
    return frechet_distance(network.textures(a), network.textures(b))


def evaluate(
    translate: Translate,
    source: Path,
    target: Path,
    metric: str = "kid-lite0",
    *,
    size: int | None = None,
    limit: int | None = None,
    device: str = "cpu",
    watchers: Sequence[Watcher] = (),
    report: Report = lambda line: None,
    progress: Progress = lambda files, title: files,
) -> Score:
    """Translate the pictures of `source` and score them against those of `target`.

    Args:
        translate: a picture to its translation, of the same size (a cut.translate.Translator).
        source, target: a folder of pictures each, or a picture each for sifid-lite0.
        metric: one of cut.evaluation.METRICS.
        size: short side in pixels that all pictures are brought to (bicubic) before anything else;
            by default 256, and 512 for sifid-lite0.
        limit: translate only the first so many of `source`; `target` is always used whole.
        device: where features are computed, in float32.
        watchers: are shown every input and its output.
        report: gets a line for each file that is skipped.
        progress: wraps the files as they are worked through, under a title.

    Raises:
        CutError: an unknown metric, an empty folder, too few good pictures, no Inception weights.
    """
    if metric not in METRICS:
        raise CutError(f"no metric {metric!r}: choose {', '.join(METRICS)}")
    sources, targets = list_pictures(source)[:limit], list_pictures(target)
    run = _Run(translate, watchers, report)
    if metric == "sifid-lite0":
        pictures = _only(sources, source), _only(targets, target)
        return _score_pair(run, *pictures, size or SIFID_SIDE, device)
    network: FeatureNetwork = inception(device) if metric in ("kid", "fid") else lite0(device)
    distance = frechet_distance if metric == "fid" else squared_mmd
    side = size or FOLDER_SIDE
    # The target first: it is quick, and what is wrong with it shows before any translating.
    wanted = features_of(network).of_files(progress(targets, "target"), side, run.skip)
    _check_count(str(target), len(wanted), metric)
    before, after = run.features(network, progress(sources, "translate"), side)
    _check_count(str(source), len(after), metric)
    spread = intervals(distance, before, after, wanted)
    return Score(
        metric=metric,
        value=distance(after, wanted),
        interval=spread and spread.value,
        doing_nothing=distance(before, wanted),
        doing_nothing_interval=spread and spread.doing_nothing,
        gain_interval=spread and spread.gain,
        images=len(after),
        targets=len(wanted),
        skipped=run.skipped,
        structure_kept=run.mean_structure(),
    )


class _Run:
    """The state of one evaluation: what was seen, kept and skipped on the way."""

    def __init__(self, translate: Translate, watchers: Sequence[Watcher], report: Report) -> None:
        self.skipped = 0
        self._translate, self._watchers, self._report = translate, watchers, report
        self._kept: list[float] = []

    def skip(self, error: CutError) -> None:
        self.skipped += 1
        self._report(f"skipped: {error}")

    def features(
        self, network: FeatureNetwork, files: Iterable[Path], size: int
    ) -> tuple[Tensor, Tensor]:
        """Return the features of the good inputs among `files` and of their outputs, n x d each."""

        def alternately() -> Iterator[Image.Image]:
            for file in files:
                try:
                    pair = self.pair(file, size)
                except CutError as error:
                    self.skip(error)
                else:
                    yield pair.before
                    yield pair.after

        # Through the network in one stream, so that no more than a batch of pictures is in memory.
        rows = network.embed(alternately())
        return rows[0::2], rows[1::2]

    def pair(self, file: Path, size: int) -> Pair:
        """Return the picture in `file` at a short side of `size` px, and its translation.

        Once the watchers have seen it without raising CutError, it is in the mean.
        """
        before = at_short_side(read_stored(file), size)
        after = self._translate(before)
        pair = Pair(file, before, after, structure_kept(before, after))
        for watch in self._watchers:
            watch(pair)
        self._kept.append(pair.structure_kept)
        return pair

    def mean_structure(self) -> float:
        return sum(self._kept) / len(self._kept)


def _score_pair(run: _Run, source: Path, target: Path, size: int, device: str) -> Score:
    """Return the SIFID-lite0 of one translation at a short side of `size` px."""
    wanted = at_short_side(read_stored(target), size)
    pair = run.pair(source, size)
    return Score(
        metric="sifid-lite0",
        value=sifid_lite0(pair.after, wanted, device),
        interval=None,
        doing_nothing=sifid_lite0(pair.before, wanted, device),
        doing_nothing_interval=None,
        gain_interval=None,
        images=1,
        targets=1,
        skipped=0,
        structure_kept=run.mean_structure(),
    )


def _only(files: Sequence[Path], place: Path) -> Path:
    if len(files) > 1:
        raise CutError(
            f"sifid-lite0 compares two single pictures, and {place} holds {len(files)}: "
            "name one of them, or choose --metric kid-lite0"
        )
    return files[0]


def _check_count(name: str, count: int, metric: str) -> None:
    if count < 2:
        raise CutError(
            f"{metric} needs at least two good pictures on each side, and {name} has {count}: "
            "name a folder, or choose --metric sifid-lite0 for two single pictures"
        )
