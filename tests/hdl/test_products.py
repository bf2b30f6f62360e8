# amaranth: UnusedElaboratable=no
"""Every product, over weights, activations, padding and fillers, equals the integer dot product."""

from itertools import product

import numpy as np
import pytest
from amaranth import Cat, Module
from amaranth.back import rtlil
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from icepop.boards.synthesis import synthesize
from icepop.compiler.errors import PlanError
from icepop.compiler.types import BIPOLAR, Domain, pack_words
from icepop.hdl.products.base import Operands, Product
from icepop.hdl.products.registry import choose, matching, product_kinds

KINDS = {f"{kind.__name__}": kind for kind in product_kinds()}

WEIGHTS: dict[str, list[int]] = {
    "binary": [-1, 1],
    "ternary": [-1, 0, 1],
    "zero": [0],
    "one": [1],
    "unsigned": [0, 1, 2, 3],
    "two bits": [-2, -1, 0, 1],
    "powers": [-4, -2, -1, 1, 2, 4],
    "powers and zero": [-8, 0, 2, 4],
    "negative": [-5, -3],
    "book": [-13, 5, 6, 70],
    "five bits": list(range(-16, 16)),
}
DOMAINS = {
    "bipolar": BIPOLAR,
    "bit": Domain(0, 1),
    "minus bit": Domain(-1, 0),
    "ternary": Domain(-1, 1),
    "three values": Domain(0, 2),
    "four bits": Domain(0, 15),
    "three bits": Domain(-4, 3),
    "even levels": Domain(-3, 3, 2),
    "even sums": Domain(-2, 2, 2),
    "quarters": Domain(-6, 6, 4),
    "above": Domain(3, 5),
    "lopsided": Domain(-3, 9, 2),
}


class Dot(wiring.Component):
    """The sum of a product's terms of one word and beat, `latency` cycles later."""

    def __init__(self, product: Product):
        self.product = product
        beat = product.lanes * product.operands.domain.bits
        super().__init__(
            {"word": In(product.bits), "x": In(beat), "inside": In(1), "o": Out(range(product.largest + 1))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        inside = self.inside if self.product.operands.padded else None
        terms = self.product.terms(m, self.word, self.x, inside)
        m.d.comb += self.o.eq(sum(term << shift for term, shift in zip(terms, self.product.shifts, strict=True)))
        return m


class Terms(wiring.Component):
    """A product's terms alone."""

    def __init__(self, product: Product):
        self.product = product
        beat = product.lanes * product.operands.domain.bits
        ports = {"word": In(product.bits), "x": In(beat), "o": Out(len(product.shifts))}
        super().__init__({**ports, "inside": In(1)} if product.operands.padded else ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        inside = self.inside if self.product.operands.padded else None
        m.d.comb += self.o.eq(Cat(self.product.terms(m, self.word, self.x, inside)))
        return m


def beat_sums(product: Product, beats: list[tuple[int, int, int]]) -> list[int]:
    """Simulated sum of each (word, beat, inside), one a cycle."""
    dut = Dot(product)
    sums = []

    async def bench(ctx):
        for cycle in range(len(beats) + product.latency):
            if cycle < len(beats):
                word, x, inside = beats[cycle]
                ctx.set(dut.word, word)
                ctx.set(dut.x, x)
                ctx.set(dut.inside, inside)
            if cycle >= product.latency:
                sums.append(ctx.get(dut.o))
            await ctx.tick()

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return sums


def check(product: Product, rng: np.random.Generator, samples: int) -> None:
    """acc = gain * S + bias for every row, on random activations and random padding."""
    operands = product.operands
    rows, pixels, channels = operands.weights.shape
    domain = operands.domain
    values = np.arange(domain.lo, domain.hi + 1, domain.step)
    expected, beats = [], []
    for _ in range(samples):
        x = rng.choice(values, (pixels, channels))
        inside = rng.random(pixels) < (0.6 if operands.padded else 2)
        codes = np.zeros((pixels, operands.pixel_beats * operands.lanes), np.int64)
        codes[:, :channels] = domain.encode(x)
        rubbish = rng.integers(0, 1 << domain.bits, codes.shape)
        codes = np.where(inside[:, None], codes, rubbish)  # outside the map a beat may be anything
        payloads = pack_words(codes.reshape(-1, operands.lanes), domain.bits)
        on_map = np.repeat(inside, operands.pixel_beats).tolist()
        expected.append((operands.weights * (x * inside[:, None])).sum(axis=(1, 2)))
        for row in product.words:
            beats += zip(row, payloads, on_map, strict=True)
    assert all(word < 1 << product.bits for word, _, _ in beats)
    sums = np.array(beat_sums(product, beats)).reshape(samples, rows, operands.beats)
    assert (sums <= product.largest).all()
    assert (product.gain * sums.sum(axis=2) + product.bias == np.array(expected)).all()


GEOMETRIES = ((1, 1), (3, 3), (4, 4), (6, 4), (5, 4), (7, 3))
"""Channels and lanes: one lane, odd and even lanes, and fillers, even and odd in number."""

CASES = list(product(WEIGHTS, DOMAINS, (False, True)))
"""All combinations; each geometry tries some sixteen that match, others than the next one."""


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("name", KINDS)
def test_terms_sum_up_to_the_dot_product(name: str, geometry: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    channels, lanes = geometry
    found = []
    for weights, domain, padded in CASES:
        codes = rng.choice(WEIGHTS[weights], (2, 3, channels)).astype(np.int64)
        operands = Operands(codes, DOMAINS[domain], lanes, padded)
        if KINDS[name].matches(operands):
            found.append(operands)
    assert found or (name == "BalancedProduct" and (lanes * 2 - channels) % 2)
    stride = max(1, len(found) // 16)
    for operands in found[GEOMETRIES.index(geometry) % stride :: stride]:
        check(KINDS[name](operands), rng, 3)


def test_every_combination_has_a_product() -> None:
    for weights, domain, padded in CASES:
        codes = np.array(WEIGHTS[weights]).reshape(1, 1, -1)
        assert matching(Operands(codes, DOMAINS[domain], 3, padded)), (weights, domain, padded)


def test_padding_beyond_the_codes_has_none() -> None:
    operands = Operands(np.array([[[-1, 1]]]), Domain(2, 6, 2), 2, padded=True)
    assert not matching(operands)
    with pytest.raises(PlanError, match=r"^no product 'binary' for these weights; use another padding$"):
        choose(operands, "binary")


def test_a_product_is_chosen_by_name_or_else_by_price() -> None:
    operands = Operands(np.array([[[-1, 1, 1, -1]]]), BIPOLAR, 4)
    assert choose(operands).name == "binary"
    assert choose(operands, "integer").name == "integer"
    with pytest.raises(PlanError, match=r"^no product 'unary' for these weights; use binary, "):
        choose(operands, "unary")


COSTS = [
    (WEIGHTS["binary"], "bipolar", True, 7),
    (WEIGHTS["ternary"], "bipolar", True, 6),
    (WEIGHTS["powers"], "four bits", False, 6),
    ([-21, -6, 5, 19, 33, 70, 81, 90, 100], "three bits", False, 4),
]


@pytest.mark.parametrize(("codes", "domain", "padded", "lanes"), COSTS)
def test_planned_cells_are_close(codes: list[int], domain: str, padded: bool, lanes: int) -> None:
    weights = np.resize(np.array(codes, np.int64), (1, 3, lanes))
    for found in matching(Operands(weights, DOMAINS[domain], lanes, padded))[:2]:
        measured = synthesize(Terms(found), "terms")
        planned = found.cost.cells + found.shared.cells
        assert abs(planned - measured.cells) <= max(4, 0.15 * measured.cells), (found.name, planned, measured)


@pytest.mark.parametrize("domain", ["bipolar", "four bits", "three bits"])
@pytest.mark.parametrize("weights", ["binary", "ternary", "powers", "book"])
def test_every_lane_is_elaborated_once(weights: str, domain: str) -> None:
    """An expression that each lane uses a part of would be elaborated as a whole for each of them."""
    few, many = (
        matching(Operands(np.resize(WEIGHTS[weights], (2, 1, lanes)), DOMAINS[domain], lanes, False))
        for lanes in (12, 48)
    )
    for narrow, wide in zip(few, many, strict=True):
        assert len(rtlil.convert(Terms(wide))) < 5 * len(rtlil.convert(Terms(narrow))), wide.name
