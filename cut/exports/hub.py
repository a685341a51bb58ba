"""A model as a folder that `huggingface_hub` loads and pushes: `from_pretrained` and the like.

The folder holds `config.json` (this software's own under the key `checkpoint`), `model.safetensors`
(the generator's and the heads' weights under published names) and `README.md`, the model card with
the metadata that the Hub sorts by. Nothing is sent anywhere until `push_to_hub` is called.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import EvalResult, ModelCard, ModelCardData, PyTorchModelHubMixin
from torch import Tensor, nn

from cut.checkpoints import Checkpoint
from cut.device import Placement
from cut.errors import CutError
from cut.files import whole_folder
from cut.library.store import SAMPLES, sample_files
from cut.networks.generators import build_generator, translated
from cut.networks.patch_heads import PatchHeads
from cut.translate import Translator

TAGS = ["image-to-image", "unpaired-image-translation", "contrastive-learning", "cut", "gan"]
WEIGHTS = "model.safetensors"
PAPER = "https://arxiv.org/abs/2007.15651"

_BESIDE = re.compile(r"\[([^\]]*)\]\(\.\./[^)]*\)")

# What a text on terms may name, and how the Hub calls it; the first that is found counts.
LICENCES = {
    "CC0": "cc0-1.0",
    "CC BY-NC-SA 4.0": "cc-by-nc-sa-4.0",
    "CC BY-NC-ND 4.0": "cc-by-nc-nd-4.0",
    "CC BY-NC 4.0": "cc-by-nc-4.0",
    "CC BY-SA 4.0": "cc-by-sa-4.0",
    "CC BY-ND 4.0": "cc-by-nd-4.0",
    "CC BY 4.0": "cc-by-4.0",
    "CC BY 3.0": "cc-by-3.0",
    "CC BY 2.0": "cc-by-2.0",
    "Apache-2.0": "apache-2.0",
    "Apache 2.0": "apache-2.0",
    "MIT": "mit",
}


class HubModel(nn.Module, PyTorchModelHubMixin):
    """A generator, and the patch heads if there are any, as the Hub's mixin wants a model to be.

    Args:
        checkpoint: what a checkpoint's config.json says.
        licence: as the Hub calls it.
        heads: whether there are patch heads.
    """

    def __init__(self, checkpoint: dict[str, Any], licence: str, heads: bool = True):
        super().__init__()
        self.about, self.licence = checkpoint, licence
        self.generator = build_generator(checkpoint["generator"])
        if heads:
            described = checkpoint["patch_heads"]
            self.patch_heads = PatchHeads(described["channels"], described["dim"])

    def forward(self, pictures: Tensor) -> Tensor:
        """Translate B x 3 x H x W in [-1, 1] of any sides from 8 px, the result in [-1, 1]."""
        return translated(self.generator, pictures).clamp(-1, 1)

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """The card that `save_pretrained` and `push_to_hub` write where there is none."""
        return model_card(self.about, self.licence, "")


def export_hub(
    checkpoint: Checkpoint, folder: Path, licence: str | None = None, overwrite: bool = False
) -> Path:
    """Write a model as a folder for the Hub and return it.

    Args:
        licence: as the Hub calls it (`cc-by-nc-4.0`, `other`); None for what the terms of the data
            come to.

    Raises:
        CutError: neither the model nor `licence` names terms, the folder is there already and
            holds something else or is to stay, or it cannot be written.
    """
    _refuse_taken(folder, overwrite)
    licence = licence or licence_of(checkpoint)
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", licence):
        raise CutError(
            f"licence {licence!r}: the Hub's names have small letters, digits, dots and dashes, "
            "such as cc-by-nc-4.0, or other"
        )
    about = checkpoint.config | {"name": checkpoint.name}
    translator = Translator(checkpoint, Placement(torch.device("cpu")))
    model = HubModel(about, licence, checkpoint.has_patch_heads)
    model.generator.load_state_dict(translator.generator.state_dict())
    if translator.patch_heads is not None:
        model.patch_heads.load_state_dict(translator.patch_heads.state_dict())
    with whole_folder(folder) as temporary:
        # Before save_pretrained, which writes a card only where there is none.
        model_card(about, licence, checkpoint.card).save(temporary / "README.md")
        model.save_pretrained(temporary)
        for path in sample_files(checkpoint.folder):
            (temporary / SAMPLES).mkdir(exist_ok=True)
            shutil.copyfile(path, temporary / SAMPLES / path.name)
    return folder


def _refuse_taken(folder: Path, overwrite: bool) -> None:
    """Raise CutError unless `folder` may be written, in place of what is there.

    All that it holds would be deleted, so it should hold what was exported before, and no more.
    """
    if not folder.exists():
        return
    if not overwrite:
        raise CutError(f"{folder} is there already: add --overwrite or choose another folder")
    known = {"README.md", "config.json", WEIGHTS, SAMPLES}
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {folder.name}
    if not names <= known:
        raise CutError(
            f"{folder} holds something else ({min(names - known)}), and is not replaced: choose "
            "another folder"
        )


def licence_of(checkpoint: Checkpoint) -> str:
    """The Hub's name for the terms of a model's data; `other` for terms that it has no name for.

    Terms of several parts, with semicolons between them, have one name if each part has that one.

    Raises:
        CutError: the model states no terms.
    """
    terms = checkpoint.terms
    if not terms:
        raise CutError(
            f"{checkpoint.name} does not state the terms of its data, and the Hub asks for a "
            "licence: name one (--licence cc-by-nc-4.0, or other)"
        )
    parts = [_licences_in(part) for part in terms.split(";") if part.strip()]
    named = set[str]().union(*parts)
    return named.pop() if len(named) == 1 and all(parts) else "other"


def _licences_in(terms: str) -> set[str]:
    return {
        name
        for text, name in LICENCES.items()
        if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", terms, re.IGNORECASE)
    }


def model_card(about: dict[str, Any], licence: str, text: str) -> ModelCard:
    """The model card: metadata that the Hub sorts by, how to load the model, and its own card."""
    data = about.get("data") or {}
    named: dict[str, Any] = {}
    if licence == "other":
        terms = data.get("terms") or "see the model card"
        named = {"license_name": "terms-of-the-data", "license_link": "README.md"}
        text = f"Terms: {terms}.\n\n{text}"
    text = _BESIDE.sub(r"\1", text)  # what stands beside it here does not stand there
    metadata = ModelCardData(
        license=licence,
        library_name="cut",
        pipeline_tag="image-to-image",
        tags=[*TAGS, "pytorch_model_hub_mixin", *filter(None, [about.get("method")])],
        model_name=about["name"],
        eval_results=_results(about),
        **named,
    )
    return ModelCard(
        f"---\n{metadata.to_yaml()}\n---\n{_introduction(about)}\n{text}".rstrip() + "\n"
    )


def _introduction(about: dict[str, Any]) -> str:
    data = about.get("data") or {}
    trained = f"Trained on {data['name']}. " if data.get("name") else ""
    return f"""
# {about.get("title") or about["name"]}

{about.get("summary") or ""}

{trained}
A model of contrastive unpaired image-to-image translation ([CUT, ECCV 2020]({PAPER})):

With this project's code at hand:

```python
from cut.exports.hub import HubModel

model = HubModel.from_pretrained("THIS_REPOSITORY")
translation = model(pictures)  # B x 3 x H x W in [-1, 1]
```
"""


def _results(about: dict[str, Any]) -> list[EvalResult] | None:
    score, data = about.get("score") or {}, about.get("data") or {}
    if score.get("value") is None:
        return None
    return [
        EvalResult(
            task_type="image-to-image",
            dataset_type=data.get("name") or "unknown",
            dataset_name=data.get("name") or "unknown",
            metric_type=score["metric"],
            metric_value=score["value"],
            metric_name=f"{score['metric']} (doing nothing: {score.get('doing_nothing')})",
        )
    ]
