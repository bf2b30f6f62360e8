"""What the user is told when something cannot be done."""


class IcepopError(Exception):
    """An error whose message is for the user: what, where, which value, what to do.

    The command line prints it as one plain line and exits with code 2.
    """


class ModelError(IcepopError):
    """The model file is broken, unsafe, or holds something that is not supported."""


class DataError(IcepopError):
    """The data does not fit the model: shape, range, NaN, or no code's value."""


class FileError(IcepopError):
    """A file cannot be written where the user wants it."""


class PlanError(IcepopError):
    """The network does not fit the board, or a pinned choice is impossible."""


class ToolError(IcepopError):
    """A simulator, synthesis tool, programmer or port is missing or failed."""
