"""The command line: `python -m cut COMMAND ...`, each command in a module of `cut.commands`."""

import argparse
import os
import sys
from collections.abc import Sequence

from cut.arguments import Parser
from cut.commands import (
    bench,
    checkpoints,
    compare_methods,
    correspond,
    evaluate,
    jobs,
    stylise,
    train,
    translate,
)
from cut.errors import CutError

COMMANDS = (
    translate,
    correspond,
    train,
    jobs,
    evaluate,
    checkpoints,
    bench,
    compare_methods,
    stylise,
)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; each command's `run` is in `args.run`."""
    top = Parser(
        prog="python -m cut",
        description="Translate pictures without paired examples (CUT, ECCV 2020).",
        epilog="The application in the browser starts with: python app.py",
    )
    subparsers = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status: 0, or 2 with one line on standard error for bad input."""
    args = parser().parse_args(arguments)
    try:
        return args.run(args)
    except CutError as error:
        print(f"cut: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("cut: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, say) has gone: nothing is left to say, not at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
