"""`checkpoints`: what models there are; take one in, give one out, rename one, remove one."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cut.commands.options import add_json_option

if TYPE_CHECKING:
    from cut.checkpoints import Checkpoint

FORMATS = ("published", "onnx", "hub")


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "checkpoints", help="list, show, import, export, download, rename, remove models"
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="every model that can be named")
    add_json_option(listing)
    listing.set_defaults(run=run_list)

    show = actions.add_parser("show", help="one model: its settings and its card")
    show.add_argument("name", metavar="NAME|DIR|FILE.pth")
    add_json_option(show)
    show.set_defaults(run=run_show)

    _add_incoming(actions)
    _add_export(actions)

    rename = actions.add_parser("rename", help="call one of your models otherwise")
    rename.add_argument("name")
    rename.add_argument("new_name", metavar="NEW_NAME")
    rename.add_argument("--title", help="what it is called on the pages")
    rename.set_defaults(run=run_rename)

    remove = actions.add_parser("remove", help="delete one of your models")
    remove.add_argument("name")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    remove.set_defaults(run=run_remove)


def _add_incoming(actions: Any) -> None:
    take = actions.add_parser(
        "import", help="take in a published *_net_G.pth, a folder, or a zip of a folder"
    )
    take.add_argument("source", type=Path, metavar="FILE.pth|DIR|FILE.zip")
    take.add_argument("--name", required=True, help="what to call it")
    take.add_argument("--terms", help="of the data that it was trained on, if it does not say")
    take.add_argument("--overwrite", action="store_true", help="replace a model of that name")
    take.set_defaults(run=run_import)

    download = actions.add_parser("download", help="take in one of the authors' published models")
    download.add_argument("name", nargs="?", help="without one, the names are listed")
    download.add_argument("--url", help="of the archive, should it have moved (CUT_MODELS_URL)")
    download.add_argument("--overwrite", action="store_true", help="replace a model of that name")
    download.set_defaults(run=run_download)


def _add_export(actions: Any) -> None:
    give = actions.add_parser(
        "export", help="write a model in the authors' format, as ONNX, or for the Hugging Face Hub"
    )
    give.add_argument("name", metavar="NAME|DIR")
    give.add_argument(
        "--format",
        choices=FORMATS,
        default="published",
        help="published: latest_net_{G,F,D}.pth in a folder; onnx: one file, any height and width; "
        "hub: a folder for huggingface_hub (default: published)",
    )
    give.add_argument("--output", required=True, type=Path, metavar="DIR|FILE.onnx")
    give.add_argument("--licence", help="hub: as the Hub calls it, such as cc-by-nc-4.0 or other")
    give.add_argument("--overwrite", action="store_true", help="replace what is there")
    give.set_defaults(run=run_export)


def run_list(args: argparse.Namespace) -> int:
    from cut.checkpoints import available, home

    models = available()
    if args.json:
        print(json.dumps({"checkpoints": [_row(model) for model in models]}))
        return 0
    for model in models:
        where = "bundled" if model.bundled else "yours"
        print(f"{model.name:24} {model.size_bytes / 1e6:7.1f} MB  {where:8} {model.summary}")
    if not models:
        print(
            f"no models yet, neither bundled nor in {home() / 'checkpoints'}: train or import one"
        )
    return 0


def run_show(args: argparse.Namespace) -> int:
    from cut.checkpoints import find

    model = find(args.name)
    if args.json:
        print(json.dumps(_row(model) | {"config": model.config}))
        return 0
    print(f"{model.name}: {model.summary or model.title}")
    print(f"in {model.folder}, {model.size_bytes / 1e6:.1f} MB, parts: {', '.join(model.files)}")
    generator = ", ".join(f"{key} {value}" for key, value in model.table("generator").items())
    print(f"generator: {generator}")
    print(f"terms of its data: {model.terms or 'not stated'}")
    if model.card:
        print(f"\n{model.card}")
    return 0


def run_import(args: argparse.Namespace) -> int:
    from cut.library.imports import import_model

    imported = import_model(args.source, args.name, args.terms, args.overwrite)
    _tell(imported.checkpoint, imported.notes)
    return 0


def run_download(args: argparse.Namespace) -> int:
    from cut.library.authors import authors_models, download

    if args.name is None:
        for model in authors_models().values():
            print(f"{model.name:32} {model.summary} Terms: {model.terms}")
        return 0
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, delay=0.5, disable=None) as bar:

        def progress(came: int, total: int | None) -> None:
            if came:  # or there would be an empty bar before a line that says what is wrong
                bar.total = total
                bar.update(came - bar.n)

        done = download(args.name, progress, tqdm.write, args.url, args.overwrite)
    for line in done.verified:
        print(line)
    _tell(done.imported.checkpoint, done.imported.notes)
    return 0


def run_export(args: argparse.Namespace) -> int:
    from cut.checkpoints import find
    from cut.errors import CutError

    if args.licence and args.format != "hub":
        raise CutError("--licence is for --format hub alone")
    model = find(args.name)
    if args.format == "onnx":
        from cut.exports.onnx import export_onnx

        # Flushed, since the Library page reads along.
        checks = export_onnx(
            model, args.output, args.overwrite, lambda line: print(line, flush=True)
        )
        for check in checks:
            print(f"{check.width} x {check.height} px: {255 * check.difference:.4f}/255 at most")
        print(args.output)
    elif args.format == "hub":
        from cut.exports.hub import export_hub

        print(export_hub(model, args.output, args.licence, args.overwrite))
    else:
        from cut.published import export_published

        for path in export_published(model, args.output, args.overwrite):
            print(path)
    return 0


def run_rename(args: argparse.Namespace) -> int:
    from cut.library import rename

    model = rename(args.name, args.new_name, args.title)
    print(f"{args.name} is now {model.name}: {model.title}")
    return 0


def run_remove(args: argparse.Namespace) -> int:
    from cut.checkpoints import find
    from cut.library import remove

    model = find(args.name)
    if not args.yes and not model.bundled:
        try:
            answer = input(f"delete {model.folder}? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            print("kept")
            return 0
    remove(args.name)
    print(f"removed {args.name}")
    return 0


def _tell(model: "Checkpoint", notes: list[str]) -> None:
    for note in notes:
        print(f"note: {note}")
    print(f"{model.name}: {', '.join(model.files)} in {model.folder}")


def _row(model: "Checkpoint") -> dict[str, Any]:
    return {
        "name": model.name,
        "title": model.title,
        "summary": model.summary,
        "folder": str(model.folder),
        "bundled": model.bundled,
        "bytes": model.size_bytes,
        "parts": list(model.files),
        "method": model.config.get("method"),
        "terms": model.terms,
        "score": model.score,
    }
