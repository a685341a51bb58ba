"""`python -m cut`: the command line."""

import sys

from cut.cli import main

sys.exit(main())
