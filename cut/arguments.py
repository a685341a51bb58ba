"""How a wrong argument is told on the command line."""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Tells a wrong argument as every other fault: in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"cut: {message} (see {self.prog} --help)\n")
