"""Where this user's models, runs and jobs are kept; a module that needs no PyTorch."""

import os
from pathlib import Path


def home() -> Path:
    """`CUT_HOME`, or the platform's folder for such data."""
    if os.environ.get("CUT_HOME"):
        return Path(os.environ["CUT_HOME"]).expanduser()
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "cut"
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local/share") / "cut"
