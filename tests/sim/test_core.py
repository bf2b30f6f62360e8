# amaranth: UnusedElaboratable=no
"""The written file: three tools take it, and in a design of somebody else it computes what the golden model does."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from branched import Author
from networks import mixed_mlp

from icepop.boards.reports import yosys_resources
from icepop.boards.tools import YOSYS, run
from icepop.compiler.errors import ToolError
from icepop.compiler.graph import Graph
from icepop.compiler.planner.plan import Folding, Resources
from icepop.compiler.planner.search import search
from icepop.compiler.raster import to_stream
from icepop.compiler.types import BIPOLAR, Beats, Domain, TensorType
from icepop.hdl.accelerator import Accelerator
from icepop.hdl.units.registry import unit_library
from icepop.sim.backends.verilator_cpp import verilator
from icepop.sim.core import LINT, core, head, layout, written

UNBOUNDED = Resources(cells=10**9, ebr=10**9)
SAMPLES = 6

BENCH = """
module bench;
  reg clk = 0, rst = 1, offer = 0, accept = 0, moved = 0;
  reg [{top}:0] words [0:{given} - 1];
  integer given = 0, taken = 0, cycle = 0;
  wire ready, valid;
  wire [{result_top}:0] result;
  wire [{top}:0] word = offer ? words[given] : {{{width}{{1'bx}}}};
  {name} dut(.clk(clk), .rst(rst), .i__valid(offer), .i__ready(ready), .i__payload(word),
    .o__valid(valid), .o__ready(accept), .o__payload(result));
  always #5 clk = ~clk;
  initial begin
    $readmemh("words.hex", words);
    repeat (3) @(negedge clk);
    rst = 0;
  end
  always @(negedge clk) if (!rst) begin
    if (!offer || moved) offer <= given < {given} && ({stalls} ? $random : 1);
    accept <= {stalls} ? $random : 1;
  end
  always @(posedge clk) begin
    cycle <= cycle + 1;
    moved <= offer && ready;
    if (offer && ready) begin
      given <= given + 1;
      $display("i %0d 0", cycle);
    end
    if (valid && accept) begin
      taken <= taken + 1;
      $display("o %0d %h", cycle, result);
    end
    if (taken == {taken} || cycle == {limit}) $finish;
  end
endmodule
"""


def dense() -> Graph:
    """Layers of several bits, the accumulators for a result; the last beat of its input is padded."""
    return mixed_mlp(np.random.default_rng(0), [22, 9, 5])


def convolutional() -> Graph:
    """A depthwise convolution, a pool, a residual branch, and the scores of each class."""
    author = Author(np.random.default_rng(7), TensorType((3, 6, 5), Domain(-2, 1)))
    author.head(author.residual(author.max_pool(author.conv("x"))))
    return Graph(tuple(author.ops[:-1]))


@pytest.fixture(scope="module", params=[dense, convolutional])
def design(request: pytest.FixtureRequest) -> Accelerator:
    graph: Graph = request.param()
    pins = {"fc0": Folding(3, 4)} if request.param is dense else {}
    return Accelerator(graph, search(graph, "x", unit_library(), "test", UNBOUNDED, 400, pins))


@pytest.fixture(scope="module")
def file(design: Accelerator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("core") / "accelerator.v"
    path.write_text(core(design))
    return path


def test_icarus_takes_it_as_verilog_2001_without_a_warning(file: Path, need: Callable[[str], None]) -> None:
    need("iverilog")
    done = subprocess.run(["iverilog", "-g2001", "-Wall", "-o", file.with_suffix(".vvp"), file], capture_output=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_verilator_takes_it_without_a_warning_and_needs_every_class_that_is_off(file: Path) -> None:
    verilator("--lint-only", "-Wall", str(file))
    bare = file.with_name("bare") / file.name
    bare.parent.mkdir()
    bare.write_text(re.sub(r"^// verilator .*\n", "", file.read_text(), flags=re.MULTILINE))
    for warning in LINT:
        others = [f"-Wno-{other}" for other in LINT if other != warning]
        with pytest.raises(ToolError):
            verilator("--lint-only", "-Wall", *others, str(bare))


def test_yosys_makes_the_planned_memories_of_it(file: Path, design: Accelerator) -> None:
    script = f"read_verilog -sv {file.name}; synth_ice40 -top accelerator; tee -q -o stat.json stat -json"
    run(YOSYS, ["-q", "-p", script], file.parent)
    made = yosys_resources(json.loads((file.parent / "stat.json").read_text()), "accelerator")
    assert made.ebr == design.plan.cost.ebr
    assert abs(made.lut4 - design.plan.cost.lut4) <= max(20, 0.15 * made.lut4)


@pytest.mark.parametrize("stalls", [0, 1])
def test_it_computes_what_the_golden_model_does(
    file: Path, design: Accelerator, stalls: int, need: Callable[[str], None]
) -> None:
    need("iverilog")
    type = design.graph.types["x"]
    domain = type.integers
    values = np.random.default_rng(3).choice(np.arange(domain.lo, domain.hi + 1, domain.step), (SAMPLES, *type.shape))
    went_in, came_out, payloads = simulated(file, design, design.input.pack(to_stream(values)), stalls)
    golden = design.graph.run(values)[design.graph.output.name]
    assert len(np.unique(golden, axis=0)) == SAMPLES, "samples that look alike show nothing"
    assert payloads == design.output.pack(to_stream(golden))
    if not stalls:
        text, last = file.read_text(), design.output.count - 1
        ends = np.array(came_out)[last :: design.output.count]
        assert set(np.diff(ends)[SAMPLES // 2 :].tolist()) == {int(re.search(r"interval: (\d+)", text)[1])}
        assert ends[0] - went_in[0] == int(re.search(r"latency: +(\d+)", text)[1])


def simulated(file: Path, design: Accelerator, words: list[int], stalls: int) -> tuple[list[int], list[int], list[int]]:
    """Cycles of the transfers in and out, and payloads out, of the file in a bench of its own in Icarus."""
    fields = {"name": "accelerator", "top": design.input.width - 1, "width": design.input.width, "stalls": stalls}
    fields |= {"result_top": design.output.width - 1, "given": len(words), "taken": SAMPLES * design.output.count}
    bench = BENCH.format(**fields, limit=20 * (SAMPLES + 2) * design.plan.latency)
    file.with_name("bench.v").write_text(bench)
    file.with_name("words.hex").write_text("\n".join(f"{word:x}" for word in words))
    subprocess.run(
        ["iverilog", "-g2001", "-s", "bench", "-o", "bench.vvp", "bench.v", file], cwd=file.parent, check=True
    )
    done = subprocess.run(["vvp", "-n", "bench.vvp"], cwd=file.parent, check=True, capture_output=True, text=True)
    moves = [line.split() for line in done.stdout.splitlines() if line[:2] in ("i ", "o ")]
    into, out = ([int(cycle) for port, cycle, _ in moves if port == wanted] for wanted in "io")
    return into, out, [int(payload, 16) for port, _, payload in moves if port == "o"]


def test_the_head_tells_layouts_and_timing(small: Callable[[], Accelerator]) -> None:
    design = small()
    lines = head(design, "net")
    assert lines[0] == "net: a network of 2 layers, as Verilog-2001. Written by icepop."
    start = lines.index("i: integer codes, the values of Input 'x'")
    assert lines[start + 1 : start + 12] == [
        *layout("i__payload", design.graph.types["x"], design.input, "to be 0"),
        "",
        "o: integers, the values of Dense 'fc1'",
        *layout("o__payload", design.graph.types["fc1"], design.output, "0"),
        "",
        f"interval: {design.plan.interval} cycles between samples where neither side waits",
        f"latency:  {design.plan.latency} cycles from a sample's first beat to the last one of its result",
    ]
    assert max(map(len, lines)) < 118


def test_layout_of_a_vector_with_padding() -> None:
    type = TensorType((10,), BIPOLAR)
    assert layout("i__payload", type, Beats.of(type, 4), "to be 0") == [
        "   a sample is a vector of 10 elements, in 3 beats",
        "   a beat has 4 lanes; lane k, from 0, is i__payload[k]",
        "   2 upper lanes of a sample's last beat hold no element: to be 0",
        "   a lane holds -1 or +1, in 1 bit: 0 is -1, 1 is +1",
    ]


def test_layout_of_a_map_with_padding() -> None:
    type = TensorType((3, 6, 5), Domain(-8, 7))
    assert layout("o__payload", type, Beats.of(type, 2), "0") == [
        "   a sample is a map of 6x5 pixels of 3 channels, in 60 beats:",
        "   row by row, each pixel in 2 beats of its own, its channels in order",
        "   a beat has 2 lanes; lane k, from 0, is o__payload[4*k +: 4]",
        "   1 upper lane of a pixel's last beat hold no element: 0",
        "   a lane holds -8 .. 7, in 4 bits, two's complement",
    ]


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (Domain(-9, 9, 2), "-9, -7, .. 9, in 4 bits: n means -9 + 2*n"),
        (Domain(0, 255), "0 .. 255, in 8 bits, unsigned"),
    ],
)
def test_how_values_are_written(domain: Domain, text: str) -> None:
    assert written(domain) == text
