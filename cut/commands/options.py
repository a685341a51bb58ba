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
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: a positive number of gigabytes")
    return int(number * 1e9)


def working_size(text: str) -> int | None:
    """`native` as None, else the short side in px."""
    if text == "native":
        return None
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: a number of pixels, or native") from error
