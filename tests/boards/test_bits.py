from icepop.boards.bits import BeatAssembler, BeatSerializer, ByteAssembler
from icepop.compiler.types import Beats, Domain


def bits(*words):
    """Bits of words given as strings, first bit first; the last of each word ends a sample."""
    return [{"bit": int(bit), "last": int(k == len(word) - 1)} for word in words for k, bit in enumerate(word)]


def test_beats_are_filled_with_zeros(transact):
    """Also when the next sample's bits wait already, and when a sample ends with its beat."""
    payloads = transact(BeatAssembler(4), bits("11111", "1111", "1", "101111"), 6)
    assert payloads == [0b1111, 0b0001, 0b1111, 0b0001, 0b1101, 0b0011]


def test_beats_of_one_bit(transact):
    assert transact(BeatAssembler(1), bits("1011"), 4) == [1, 0, 1, 1]


def test_results_are_filled_with_zeros_and_their_padding_lanes_dropped(transact):
    beats = Beats(Domain(0, 7), 3, 2)
    # two results: (7, 0), (5, padding); the padding lane is not zero, and neither is what follows
    found = transact(BeatSerializer(beats), [0b000_111, 0b111_101, 0b111_111, 0b111_111], 32)
    first = [1, 1, 1, 0, 0, 0, 1, 0, 1, *7 * [0]]
    assert [bit.bit for bit in found] == [*first, *9 * [1], *7 * [0]]
    assert [bit.last for bit in found] == 2 * (15 * [0] + [1])


def test_a_result_of_one_bit(transact):
    found = transact(BeatSerializer(Beats(Domain(0, 1), 1, 1)), [1, 0, 1], 24)
    assert [bit.bit for bit in found] == [1, *7 * [0], *8 * [0], 1, *7 * [0]]


def test_bytes_begin_with_their_lowest_bit(transact):
    found = transact(ByteAssembler(), bits("1000000001000001", "11110000"), 3)
    assert [(byte.data, byte.last) for byte in found] == [(0x01, 0), (0x82, 1), (0x0F, 1)]
