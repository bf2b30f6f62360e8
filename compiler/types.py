"""Tensor types: which integers a tensor holds, and how they become bits and stream beats.

This file alone knows that bit 1 stands for +1 and that element 0 is the least significant.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icepop.compiler.errors import DataError

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Domain:
    """The integers ``lo, lo + step, …, hi``.

    A step of 2 describes bipolar values (``-1, +1``) and the accumulators of bipolar products
    (``-K, -K + 2, …, K``). Hardware carries such a value as its index ``(value - lo) / step``, so bit 1
    is +1 and an accumulator is a popcount. With step 1 it carries the value itself: unsigned, or two's complement
    when ``lo < 0``.

    Parameters
    ----------
    lo, hi : int
        Smallest and largest value.
    step : int
        Distance between neighbours; divides ``hi - lo``.
    """

    lo: int
    hi: int
    step: int = 1

    def __post_init__(self) -> None:
        if self.hi < self.lo or self.step < 1 or (self.hi - self.lo) % self.step:
            raise ValueError(f"domain must have lo <= hi and a step that divides hi - lo, not {self}")

    @property
    def size(self) -> int:
        """Number of values."""
        return (self.hi - self.lo) // self.step + 1

    @property
    def signed(self) -> bool:
        """Whether hardware carries the value in two's complement."""
        return self.step == 1 and self.lo < 0

    @property
    def bits(self) -> int:
        """Bits of one element in hardware; at least 1."""
        if self.step > 1:
            return max(1, (self.size - 1).bit_length())
        return max(1, max(self.hi.bit_length(), (~self.lo if self.lo < 0 else 0).bit_length()) + self.signed)

    def contains(self, values: IntArray) -> bool:
        """Whether every value belongs to the domain."""
        if values.size == 0:
            return True
        inside = int(values.min()) >= self.lo and int(values.max()) <= self.hi
        return inside and bool(((values - self.lo) % self.step == 0).all())

    def encode(self, values: IntArray) -> IntArray:
        """Hardware codes, each in ``[0, 2**bits)``, of values of any shape."""
        if not self.contains(values):
            raise DataError(f"values must lie in {self}, not in [{values.min()}, {values.max()}]")
        if self.step > 1:
            return (values - self.lo) // self.step
        return values & ((1 << self.bits) - 1)

    def decode(self, codes: IntArray) -> IntArray:
        """Inverse of `encode`."""
        if self.step > 1:
            return self.lo + self.step * codes
        return codes - ((codes >> (self.bits - 1)) << self.bits) if self.signed else codes

    def __str__(self) -> str:
        if self == BIPOLAR:
            return "{-1, +1}"
        return f"[{self.lo}, {self.hi}]" + (f" step {self.step}" if self.step > 1 else "")


BIPOLAR = Domain(-1, 1, 2)


@dataclass(frozen=True)
class TensorType:
    """Shape and meaning of one tensor; the batch is a free leading axis and not part of the shape.

    Parameters
    ----------
    shape : tuple of int
        Shape of one sample.
    domain : Domain or None
        Integers the tensor holds; None for the float32 input of the model.
    scale : tuple of Fraction
        Real value of one code step: one for the tensor, or one for each channel (axis 0 of the shape).
    """

    shape: tuple[int, ...]
    domain: Domain | None
    scale: tuple[Fraction, ...] = (Fraction(1),)

    @property
    def length(self) -> int:
        """Elements of one sample."""
        return prod(self.shape)

    @property
    def integers(self) -> Domain:
        """The domain of a tensor that is known to be an integer one."""
        if self.domain is None:
            raise TypeError("a float tensor has no integer domain")
        return self.domain

    def check(self, values: NDArray[Any], name: str) -> NDArray[Any]:
        """Data for this tensor as (samples, *shape), float32 or int64, once shape and values are known to fit.

        Raises
        ------
        DataError
            Naming ``name``: samples of another size, NaN or infinity, or a value outside the domain.
        """
        if values.ndim == 0 or (len(values) and values[0].size != self.length):
            shape = "x".join(map(str, self.shape))
            raise DataError(f"{name} must hold samples of {self.length} values ({shape}), not shape {values.shape}")
        if self.domain is None:
            if values.dtype.kind not in "fiub":
                raise DataError(f"{name} must be numbers, not {values.dtype}")
            with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, which is refused here
                data = values.astype(np.float32)
            if not np.isfinite(data).all():
                where = np.argwhere(~np.isfinite(data))[0]
                raise DataError(f"{name} must be finite, not {data[tuple(where)]} at index {where.tolist()}")
            return data.reshape(len(data), *self.shape)
        if values.dtype.kind not in "iub":
            raise DataError(f"{name} must be integer codes, not {values.dtype}")
        codes = values.astype(np.int64)
        if not self.domain.contains(codes) or (codes != values).any():
            raise DataError(f"{name} must hold codes in {self.domain}, not [{values.min()}, {values.max()}]")
        return codes.reshape(len(codes), *self.shape)


@dataclass(frozen=True)
class Beats:
    """How a tensor travels over a stream: pixel after pixel, ``lanes`` elements a beat.

    A map (C, H, W) goes row by row, the channels of a pixel innermost; a vector is one pixel. A pixel begins with a
    beat of its own: its last beat is padded with zero bits. Or a beat carries several whole pixels: then a run of
    pixels begins with a beat of its own, and what pads the last one may be anything.

    Parameters
    ----------
    domain : Domain
        Values of the elements.
    length : int
        Elements of one sample.
    lanes : int
        Elements a beat.
    pixels : int
        Pixels of one sample; divides the length.
    run : int
        Pixels that follow each other without a gap; more than one where a beat carries several: those of a row.
    """

    domain: Domain
    length: int
    lanes: int
    pixels: int = 1
    run: int = 1

    @staticmethod
    def of(type: TensorType, lanes: int, abreast: int = 1) -> "Beats":
        """Layout of a tensor, whose axis 0 is its channels; with several pixels abreast, ``lanes`` of each of them."""
        run = 1 if abreast == 1 else type.shape[-1]
        return Beats(type.integers, type.length, lanes * abreast, prod(type.shape[1:]), run)

    @property
    def channels(self) -> int:
        """Elements of a pixel."""
        return self.length // self.pixels

    @property
    def pixel_beats(self) -> int:
        """Beats of a pixel that begins with one of its own."""
        return -(-self.channels // self.lanes)

    @property
    def run_length(self) -> int:
        """Elements of a run of pixels."""
        return self.run * self.channels

    @property
    def run_beats(self) -> int:
        """Beats of a run."""
        return -(-self.run_length // self.lanes)

    @property
    def runs(self) -> int:
        """Runs of one sample."""
        return self.pixels // self.run

    @property
    def count(self) -> int:
        """Beats of one sample."""
        return self.runs * self.run_beats

    @property
    def width(self) -> int:
        """Bits of a beat's payload."""
        return self.lanes * self.domain.bits

    @property
    def gapless(self) -> bool:
        """Whether only a sample's last beat may be padded, and none carries several pixels."""
        return self.pixels == 1 or self.channels % self.lanes == 0

    def beat(self, position: int) -> int:
        """Beat of a sample that carries the element streamed at ``position``."""
        run, element = divmod(position, self.run_length)
        return run * self.run_beats + element // self.lanes

    def pack(self, values: IntArray) -> list[int]:
        """Payloads of ``values`` (samples, length) in stream order: ``samples * count`` integers, lane 0 lowest."""
        codes = self.domain.encode(np.asarray(values, np.int64).reshape(-1, self.run_length))
        padded = np.zeros((len(codes), self.run_beats * self.lanes), np.int64)
        padded[:, : self.run_length] = codes
        return pack_words(padded.reshape(-1, self.lanes), self.domain.bits)

    def unpack(self, payloads: Iterable[int]) -> IntArray:
        """Values (samples, length) in stream order of whole samples' payloads; inverse of `pack`."""
        codes = unpack_words(list(payloads), self.lanes, self.domain.bits)
        runs = codes.reshape(-1, self.run_beats * self.lanes)[:, : self.run_length]
        return self.domain.decode(runs.reshape(-1, self.length))


def pack_words(codes: IntArray, bits: int) -> list[int]:
    """Join rows of codes (words, lanes), ``bits`` each, into one integer a row, lane 0 least significant."""
    planes = (codes[:, :, None] >> np.arange(bits)) & 1
    flat = planes.reshape(len(codes), codes.shape[1] * bits).astype(np.uint8)
    rows = np.packbits(flat, axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def unpack_words(words: Sequence[int], lanes: int, bits: int) -> IntArray:
    """Split integers into codes (words, lanes); inverse of `pack_words`."""
    size = -(-lanes * bits // 8)
    raw = np.frombuffer(b"".join(word.to_bytes(size, "little") for word in words), np.uint8).reshape(len(words), size)
    planes = np.unpackbits(raw, axis=1, bitorder="little")[:, : lanes * bits].reshape(len(words), lanes, bits)
    return (planes.astype(np.int64) << np.arange(bits)).sum(axis=2)
