"""The commands of the command line, one a module: `add_parser(subparsers)` and `run(args)`.

They import PyTorch only when they run, so that help and mistakes answer at once.
"""
