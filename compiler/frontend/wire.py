"""The outline of an ONNX file, read before the file is parsed: a parser makes objects of 100 bytes out of 2.

Only the numbers of tensors take as much memory parsed as they take in the file, so all else has a limit of its own.
Fields are read as the encoding of protocol buffers defines them; see
https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Iterator

MAX_FIELDS = 1 << 18
"""Most fields that are looked at; beyond, a file is hostile."""
GRAPH, NODE, INITIALIZER, ATTRIBUTE, TENSOR = 7, 1, 5, 5, 5
"""Fields of a model, a graph (two), a node and an attribute that lead to tensors."""
NUMBERS = frozenset({4, 9, 10})
"""Fields of a tensor that hold its numbers in as many bytes as they take in memory: float, raw and double data."""


class Outline:
    """How the bytes of a model file divide.

    Parameters
    ----------
    content : bytes
        The file.

    Members
    -------
    numbers : int
        Bytes of tensors' numbers.

    Raises
    ------
    ValueError
        The bytes are no protocol buffer.
    OverflowError
        It has too many fields.
    """

    def __init__(self, content: bytes):
        self.fields, self.numbers = 0, 0
        for graph in self.within(memoryview(content), GRAPH):
            for field, part in self.parts(graph):
                if field == INITIALIZER:
                    self.tensor(part)
                elif field == NODE:
                    for attribute in self.within(part, ATTRIBUTE):
                        for tensor in self.within(attribute, TENSOR):
                            self.tensor(tensor)

    def tensor(self, part: memoryview) -> None:
        """Count a tensor's numbers."""
        self.numbers += sum(len(values) for field, values in self.parts(part) if field in NUMBERS)

    def within(self, message: memoryview, wanted: int) -> Iterator[memoryview]:
        """Parts of a message under one field number."""
        return (part for field, part in self.parts(message) if field == wanted)

    def parts(self, message: memoryview) -> Iterator[tuple[int, memoryview]]:
        """Field number and bytes of every part of a message that has a length; others are passed over."""
        position = 0
        while position < len(message):
            self.fields += 1
            if self.fields > MAX_FIELDS:
                raise OverflowError(f"{MAX_FIELDS} fields")
            key, position = varint(message, position)
            if key & 7 == 0:
                _, position = varint(message, position)
            elif key & 7 == 2:
                length, position = varint(message, position)
                if position + length > len(message):
                    raise ValueError("a field ends behind its message")
                yield key >> 3, message[position : position + length]
                position += length
            elif key & 7 in (1, 5):
                position += 8 if key & 7 == 1 else 4
            else:
                raise ValueError(f"fields of wire type {key & 7} do not occur in ONNX")


def varint(message: memoryview, position: int) -> tuple[int, int]:
    """Number of variable length at a position, and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise ValueError("a number is cut off")
        byte = message[position]
        value, position = value | (byte & 127) << shift, position + 1
        if byte < 128:
            return value, position
    raise ValueError("a number has more than 10 bytes")
