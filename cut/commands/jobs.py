"""`jobs`: the training jobs of pages, the API and programs; watch one, stop it, resume, delete."""

import argparse
import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from cut.commands.options import add_json_option

if TYPE_CHECKING:
    from cut.jobs import Job, Jobs


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("jobs", help="list, watch, stop, resume, delete training jobs")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="every job, newest first")
    add_json_option(listing)
    listing.set_defaults(run=run_list)

    watch = _add_action(actions, "watch", "follow one until it ends; Ctrl+C leaves it running")
    watch.set_defaults(run=run_watch)

    stop = _add_action(actions, "stop", "save, keep the model, and stop")
    stop.set_defaults(run=run_stop)

    resume = _add_action(actions, "resume", "go on with one that ended")
    resume.add_argument("--minutes", type=float, help="of training, more than it had")
    resume.set_defaults(run=run_resume)

    delete = _add_action(actions, "delete", "forget one and its pictures; its model stays")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    delete.set_defaults(run=run_delete)


def _add_action(actions: Any, name: str, help: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=help)
    parser.add_argument("id", metavar="ID", help="as `jobs list` shows it")
    add_json_option(parser)
    return parser


def run_list(args: argparse.Namespace) -> int:
    jobs = _jobs()
    found = jobs.list()
    if args.json:
        print(json.dumps({"jobs": [_plain(job) for job in found]}))
        return 0
    for job in found:
        print(f"{job.id}  {_state(job):14} {job.step:>7,} of {job.total:<7,} {job.title}")
    if not found:
        print(f"no jobs yet in {jobs.folder}: the Train page starts them")
    return 0


def run_watch(args: argparse.Namespace) -> int:
    jobs = _jobs()
    job = jobs.get(args.id)
    bar = tqdm(total=job.total, initial=job.step, unit="step", dynamic_ncols=True)
    told = 0
    try:
        with bar:
            for job in jobs.watch(args.id):
                bar.total = job.total
                bar.set_description(_state(job), refresh=False)
                for row in jobs.metrics(job.id, after=told)[-1:]:
                    told = row.step
                    losses = {name: f"{value:.2f}" for name, value in row.losses.items()}
                    bar.set_postfix(losses, refresh=False)
                # A job that was interrupted goes back to its last save.
                bar.update(job.step - bar.n)
                bar.refresh()
    except KeyboardInterrupt:
        line = f"cut: the job goes on; to stop it: python -m cut jobs stop {job.id}"
        print(line, file=sys.stderr)
    _print(job, args.json)
    return 0


def run_stop(args: argparse.Namespace) -> int:
    _print(_jobs().stop(args.id), args.json)
    return 0


def run_resume(args: argparse.Namespace) -> int:
    _print(_jobs().resume(args.id, args.minutes), args.json)
    return 0


def run_delete(args: argparse.Namespace) -> int:
    jobs = _jobs()
    job = jobs.get(args.id)
    if not args.yes:
        try:
            answer = input(f"delete the job {job.title!r} and its pictures? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            print("kept")
            return 0
    jobs.delete(args.id)
    print(json.dumps({"deleted": job.id}) if args.json else f"deleted {job.title}")
    return 0


def _jobs() -> "Jobs":
    from cut.jobs import Jobs

    return Jobs()


def _state(job: "Job") -> str:
    return f"{job.state}, place {job.place}" if job.place else str(job.state)


def _print(job: "Job", as_json: bool) -> None:
    if as_json:
        print(json.dumps(_plain(job)))
        return
    print(f"{job.title}: {_state(job)}, {job.step:,} of {job.total:,} steps")
    if job.message:
        print(job.message)
    for model in filter(None, (job.model, job.model_back)):
        print(f"try it: python -m cut translate --checkpoint {model} --output out IMAGE")


def _plain(job: "Job") -> dict[str, Any]:
    return dataclasses.asdict(job)
