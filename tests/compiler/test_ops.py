from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import says

from icepop.compiler import ops
from icepop.compiler.ops.add import Add
from icepop.compiler.ops.argmax import ArgMax
from icepop.compiler.ops.base import Op, exact_matmul
from icepop.compiler.ops.clip import Clip
from icepop.compiler.ops.concat import Concat
from icepop.compiler.ops.conv import Conv
from icepop.compiler.ops.dense import Dense
from icepop.compiler.ops.encode import Encode
from icepop.compiler.ops.gather import Gather
from icepop.compiler.ops.input import Input
from icepop.compiler.ops.lut_vote import LutVote
from icepop.compiler.ops.max_pool import MaxPool
from icepop.compiler.ops.scores import Scores
from icepop.compiler.ops.sum_pool import SumPool
from icepop.compiler.ops.threshold import Threshold
from icepop.compiler.ops.window import Window
from icepop.compiler.registry import subclasses
from icepop.compiler.types import BIPOLAR, Domain, TensorType

DOMAINS = [BIPOLAR, Domain(0, 1), Domain(-4, 3), Domain(0, 7), Domain(-6, 6, 2)]


def random_values(domain: Domain, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, domain.size, shape) * domain.step + domain.lo


def random_weights(kind: str, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    return rng.choice({"binary": [-1, 1], "ternary": [-1, 0, 1], "4 bit": range(-8, 8)}[kind], shape).astype(np.int64)


@pytest.mark.parametrize("kind", ["binary", "ternary", "4 bit"])
@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_dense_is_a_product_within_its_bounds(domain: Domain, kind: str) -> None:
    rng = np.random.default_rng(0)
    weights = random_weights(kind, (5, 24), rng)
    op = Dense("fc", ("x",), weights)
    type = op.infer(TensorType((2, 3, 4), domain))
    x = random_values(domain, (6, 2, 3, 4), rng)
    result = op.golden(x)
    rows = x.reshape(6, -1).tolist()
    assert result.tolist() == [
        [sum(a * b for a, b in zip(row, w, strict=True)) for w in weights.tolist()] for row in rows
    ]
    assert result.dtype == np.int64
    assert type.shape == (5,)
    assert type.integers.contains(result)
    # the bounds are reached
    worst = np.where(weights > 0, domain.hi, domain.lo)
    best = np.where(weights > 0, domain.lo, domain.hi)
    assert op.golden(worst).max() == type.integers.hi
    assert op.golden(best).min() == type.integers.lo


def test_only_products_of_signs_have_parity() -> None:
    signs, ternary = np.array([[1, -1, 1]]), np.array([[1, 0, 1]])
    domains = [
        Dense("fc", ("x",), weights).infer(TensorType((3,), domain)).integers
        for weights, domain in [(signs, BIPOLAR), (ternary, BIPOLAR), (signs, Domain(-1, 1))]
    ]
    assert domains == [Domain(-3, 3, 2), Domain(-2, 2), Domain(-3, 3)]


@pytest.mark.parametrize("bits", [11, 12, 24, 25])
def test_large_products_stay_exact(bits: int) -> None:
    """Sums on both sides of 2**24, odd so that a float32 would lose the last bit."""
    top = (1 << bits) - 1
    a, b = np.full((2, 3), top), np.full((3, 4), top)
    bound = 3 * top * top
    assert exact_matmul(a, b, bound).tolist() == [[bound] * 4] * 2
    assert exact_matmul(a[:, :1], b[:1] * 0 + 1, top).tolist() == [[top] * 4] * 2


def test_products_beyond_float64_are_refused() -> None:
    with pytest.raises(OverflowError, match=f"^accumulators must stay below 2\\*\\*53, not reach {1 << 53}$"):
        exact_matmul(np.ones((1, 1)), np.ones((1, 1)), 1 << 53)


@given(st.lists(st.lists(st.integers(-3, 3), min_size=4, max_size=4), min_size=1, max_size=20))
def test_argmax_ties_go_to_the_lowest_index(scores: list[list[int]]) -> None:
    result = ArgMax("label", ("fc",)).golden(np.array(scores))
    assert result.tolist() == [[row.index(max(row))] for row in scores]
    assert result.dtype == np.int64


@pytest.mark.parametrize("shape", [(3,), (3, 4), (3, 4, 5)])
@pytest.mark.parametrize("domain", [BIPOLAR, Domain(-2, 1), Domain(0, 6, 2)], ids=str)
def test_threshold_counts_per_channel(shape: tuple[int, ...], domain: Domain) -> None:
    rng = np.random.default_rng(0)
    thresholds = np.sort(rng.integers(-12, 13, (3, domain.size - 1)), axis=1)
    thresholds[0] = 99
    sign = np.array([1, 1, -1])
    op = Threshold("act", ("fc",), thresholds, sign, domain)
    assert op.infer(TensorType(shape, Domain(-10, 10))) == TensorType(shape, domain)
    x = rng.integers(-10, 11, (5, *shape))
    result = op.golden(x)
    for (n, c, *rest), value in np.ndenumerate(x):
        count = sum(int(sign[c] * value >= t) for t in thresholds[c])
        assert result[(n, c, *rest)] == domain.lo + domain.step * count


def test_encode_reads_elements_in_any_order_and_more_than_once() -> None:
    source = np.array([3, 0, 0, 5])
    thresholds = np.array([[0, 1], [0.5, np.inf], [-1, -0.5], [2, 2]], np.float32)
    op = Encode("q", ("x",), source, thresholds, Domain(-1, 1), (2, 2))
    assert op.infer(TensorType((2, 3), None)) == TensorType((2, 2), Domain(-1, 1))
    x = np.array([[[-0.5, 9, 9], [0, 9, 2]], [[0.75, 9, 9], [1, 9, -2]]], np.float32)
    assert op.golden(x).tolist() == [[[0, -1], [1, 1]], [[1, 0], [1, -1]]]


def test_the_input_is_not_computed() -> None:
    with says(TypeError, "an Input has no value of its own"):
        Input("x", (), TensorType((1,), BIPOLAR)).golden()


EXAMPLES: dict[type[Op], tuple[Op, TensorType]] = {
    ArgMax: (ArgMax("op", ("x",)), TensorType((5,), Domain(-4, 4))),
    Dense: (Dense("op", ("x",), np.array([[1, -2, 0, 3, 1, 1]])), TensorType((2, 3), Domain(-4, 3))),
    Add: (Add("op", ("x",), np.array([[2, -1, 0]])), TensorType((3, 4), Domain(-3, 3))),
    Clip: (Clip("op", ("x",), -1, 3), TensorType((3, 4), Domain(-3, 5, 2))),
    Concat: (Concat("op", ("x",), 1, (3,)), TensorType((3, 4), Domain(-3, 3, 2))),
    Conv: (
        Conv("op", ("x",), np.arange(-6, 6).reshape(3, 2, 2, 1), Window((2, 1), (1, 2), (1, 0), (0, 1), (1, 1))),
        TensorType((2, 3, 4), Domain(-3, 3)),
    ),
    Gather: (Gather("op", ("x",), np.array([[5, 0], [3, 3], [2, 1]])), TensorType((2, 3), BIPOLAR)),
    LutVote: (
        LutVote("op", ("x",), np.arange(24).reshape(3, 2, 4) % 5, np.arange(96).reshape(3, 2, 16) % 3 == 0),
        TensorType((5,), BIPOLAR),
    ),
    MaxPool: (
        MaxPool("op", ("x",), Window((2, 2), (2, 1), (0, 1), (1, 0), (1, 1)), np.array([1, -1])),
        TensorType((2, 3, 4), Domain(-3, 3)),
    ),
    SumPool: (
        SumPool("op", ("x",), Window((2, 2), (2, 1), (0, 1), (1, 0), (1, 1))),
        TensorType((2, 3, 4), Domain(1, 3)),
    ),
    Encode: (
        Encode("op", ("x",), np.array([5, 1]), np.array([[0, 1], [1, 2]], np.float32), Domain(0, 2), (2,)),
        TensorType((2, 3), None),
    ),
    Scores: (
        Scores("op", ("x",), np.array([4, 0, 0]), np.array([3, -2, 0]), np.array([0, 1, -5])),
        TensorType((5,), Domain(-4, 4)),
    ),
    Threshold: (
        Threshold("op", ("x",), np.array([[0, 1], [1, 2]]), np.array([1, -1]), Domain(0, 2)),
        TensorType((2, 3, 4), Domain(-3, 3)),
    ),
}


@pytest.mark.parametrize("kind", [kind for kind in subclasses(ops, Op) if kind is not Input])
def test_every_op_gives_what_it_infers(kind: type[Op]) -> None:
    """Contract of the folder: a new op needs an example here."""
    op, source = EXAMPLES[kind]
    rng = np.random.default_rng(0)
    shape = (7, *source.shape)
    x = rng.normal(size=shape).astype(np.float32) if source.domain is None else random_values(source.domain, shape, rng)
    before = x.copy()
    result, type = op.golden(x), op.infer(source)
    assert result.shape == (7, *type.shape)
    assert result.dtype == np.int64
    assert type.integers.contains(result)
    assert (x == before).all()
    assert op.golden(x[:0]).shape == (0, *type.shape)
    assert prod(type.shape) == type.length
