"""The command line. Its folder alone sees every room; each verb imports what it needs when it runs.

Exit codes: 0 if all went well and, where something is compared, all is bit-exact; 1 on a mismatch; 2 on an error;
130 if interrupted.
"""

import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from icepop.compiler.cli.bitstream import bitstream
from icepop.compiler.cli.board import flash, run_
from icepop.compiler.cli.compile import compile_
from icepop.compiler.cli.golden import golden
from icepop.compiler.cli.sim import sim
from icepop.compiler.cli.train import train
from icepop.compiler.cli.verify import verify
from icepop.compiler.errors import IcepopError

VERBS: dict[str, Callable[..., int]] = {
    "train": train,
    "golden": golden,
    "compile": compile_,
    "sim": sim,
    "bitstream": bitstream,
    "verify": verify,
    "flash": flash,
    "run": run_,
}
"""In the order in which a user meets them."""

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Binarized PyTorch networks to iCE40 bitstreams, proven bit-exact at every step.",
)
for name, verb in VERBS.items():
    app.command(name)(verb)


def tell_version(asked: bool) -> None:
    """Print the version and leave."""
    if asked:
        print(f"icepop {version('icepop')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=tell_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Options before the verb."""


def run(arguments: list[str]) -> int:
    """Run one command, or tell of all; errors become one line on stderr and exit code 2."""
    try:
        return int(app(arguments or ["--help"], standalone_mode=False) or 0)
    except IcepopError as error:
        return fail(str(error))
    except typer.Exit as leave:
        return leave.exit_code
    except Exception as error:
        if hasattr(error, "format_message"):  # a usage error of the option parser
            return fail(error.format_message())
        raise


def fail(message: str) -> int:
    """Print an error as one plain line."""
    print(f"icepop: {' '.join(message.split())}", file=sys.stderr)
    return 2


def main() -> None:
    """Entry point of the ``icepop`` script."""
    sys.exit(run(sys.argv[1:]))
