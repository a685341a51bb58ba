"""Nothing heavy is imported before it is needed: torch and its compiler take seconds."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json, sys

HEAVY = ("torch", "torch._dynamo", "torchvision", "matplotlib", "sympy", "streamlit", "gradio")
told = {}

def tell(when):
    told[when] = [name for name in HEAVY if name in sys.modules]

import cut
tell("import cut")
from cut.cli import parser
parser()
tell("the command line's parser")
from PIL import Image
cut.load("horse2zebra", device="cpu", precision="fp32")(Image.new("RGB", (32, 32)))
tell("a translation")
import torch
from cut.networks.generators import build_generator
with torch.device("meta"):
    build_generator({"kind": "stylegan2", "channels": [8, 8], "blocks": 1})
tell("another kind of generator")
import cut.trainer
tell("what training is made of")
print(json.dumps(told))
"""

PAGE = """
import sys
import cut.web.server, cut.web.patch_ahead, cut.web.patch_session, cut.web.translating
from cut.checkpoints import available
from cut.web.widgets import (
    card, choosing, comparing, intake, side_by_side, stage, starting
)
assert available()
print([name for name in ("torch", "matplotlib", "gradio", "pandas") if name in sys.modules])
"""


def test_what_is_imported_when() -> None:
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {
        "import cut": [],
        "the command line's parser": [],
        "a translation": ["torch"],
        "another kind of generator": ["torch"],
        "what training is made of": ["torch"],
    }


def test_a_page_shows_its_controls_before_pytorch_is_there() -> None:
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", PAGE], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
