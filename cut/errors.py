"""The one exception that reaches a user as a line of text."""


class CutError(Exception):
    """A fault that the user can mend: its text is one clear line, what was found and what to do.

    The command line prints it and exits with status 2, the pages show it, the API answers with it.
    """
