"""Reading a model file in a process of its own, with little time and memory."""

import subprocess
import sys
from pathlib import Path

import onnx

LIMITED = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
from icepop.compiler.errors import ModelError
from icepop.compiler.frontend.load import load_graph
try:
    load_graph(Path(sys.argv[1]))
except ModelError as error:
    print(error)
# getrusage would also count what this process was a copy of before it became an interpreter of its own
(peak,) = (int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
sys.exit(0 if peak < 1 << 20 else f"took {peak} KiB")
"""


def refusal(model: onnx.ModelProto, folder: Path) -> str:
    """The one line in which a file is refused, within 10 s of processor time and 1 GiB; empty if it is read."""
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) <= 1, result.stdout
    return result.stdout.strip()
