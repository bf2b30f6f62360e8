"""The process that builds and runs a cocotb simulation: ``python -m icepop.sim.cocotb_job FOLDER``.

A process of its own, because simulators and cocotb are steered by environment variables, end with `SystemExit`, and
must be stoppable.
"""

import json
import sys
from pathlib import Path

from cocotb_tools.runner import get_runner

from icepop.sim.cocotb_bench import FOLDER


def main(folder: Path) -> None:
    """Build as ``job.json`` says and run each of its runs."""
    job = json.loads((folder / "job.json").read_text())
    runner = get_runner(job["simulator"])
    build = folder / "build"
    runner.build(
        sources=[folder / name for name in job["sources"]],
        hdl_toplevel=job["top"],
        build_dir=build,
        build_args=job["build_args"],
        timescale=("1ns", job["precision"]),
        always=True,
    )
    for name in job["runs"]:
        runner.test(
            hdl_toplevel=job["top"],
            test_module=job["bench"],
            build_dir=build,
            test_dir=folder / name,
            extra_env={FOLDER: str(folder / name), "COCOTB_LOG_LEVEL": "WARNING"},
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
