"""`checkpoints`: what models there are; take one in, give one out, remove one."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cut.commands.options import add_json_option

if TYPE_CHECKING:
    from cut.checkpoints import Checkpoint


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("checkpoints", help="list, show, import, export, remove models")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="every model that can be named")
    add_json_option(listing)
    listing.set_defaults(run=run_list)

    show = actions.add_parser("show", help="one model: its settings and its card")
    show.add_argument("name", metavar="NAME|DIR|FILE.pth")
    add_json_option(show)
    show.set_defaults(run=run_show)

    take = actions.add_parser("import", help="take in a published *_net_G.pth, or a folder")
    take.add_argument("source", type=Path, metavar="FOLDER_OR_PTH")
    take.add_argument("--name", required=True, help="what to call it")
    take.add_argument("--overwrite", action="store_true", help="replace a model of that name")
    take.set_defaults(run=run_import)

    give = actions.add_parser("export", help="write a model as latest_net_{G,F,D}.pth")
    give.add_argument("name", metavar="NAME|DIR")
    give.add_argument("--output", required=True, type=Path, metavar="DIR")
    give.add_argument("--overwrite", action="store_true", help="replace files that are there")
    give.set_defaults(run=run_export)

    remove = actions.add_parser("remove", help="delete one of your models")
    remove.add_argument("name")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    remove.set_defaults(run=run_remove)


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
    generator = ", ".join(f"{key} {value}" for key, value in model.config["generator"].items())
    print(f"generator: {generator}")
    if model.card:
        print(f"\n{model.card}")
    return 0


def run_import(args: argparse.Namespace) -> int:
    from cut.library import import_published

    model = import_published(args.source, args.name, args.overwrite)
    print(f"{model.name}: {', '.join(model.files)} in {model.folder}")
    return 0


def run_export(args: argparse.Namespace) -> int:
    from cut.checkpoints import find
    from cut.published import export_published

    for path in export_published(find(args.name), args.output, args.overwrite):
        print(path)
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


def _row(model: "Checkpoint") -> dict[str, Any]:
    return {
        "name": model.name,
        "title": model.title,
        "summary": model.summary,
        "folder": str(model.folder),
        "bundled": model.bundled,
        "bytes": model.size_bytes,
        "parts": list(model.files),
        "score": model.score,
    }
