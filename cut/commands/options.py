"""Options that several commands share."""

import argparse


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """`--device` and `--precision`, for `cut.device.choose`."""
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)"
    )
    parser.add_argument(
        "--precision", default="auto", help="auto, fp32, bf16 or fp16 (default: auto)"
    )


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """`--json`: one JSON object as the last line of standard output."""
    parser.add_argument("--json", action="store_true", help="print a JSON object as the last line")


def gigabytes(text: str) -> int:
    """A number of gigabytes as bytes."""
    return int(_positive(text, "gigabytes") * 1e9)


def minutes(text: str) -> float:
    """A time in minutes."""
    return _positive(text, "minutes")


def _positive(text: str, unit: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: a positive number of {unit}")
    return number


def step_count(text: str) -> int:
    """A number of steps, at least one."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a whole number of steps, at least 1")
    return number


def working_size(text: str) -> int | None:
    """`native` as None, else the short side in px."""
    if text == "native":
        return None
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: a number of pixels, or native") from error
