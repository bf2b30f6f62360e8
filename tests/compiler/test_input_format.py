import numpy as np
import pytest
from messages import says

from icepop.compiler.errors import DataError
from icepop.compiler.input_format import InputFormat, parse_format
from icepop.compiler.types import BIPOLAR, Domain


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("uint8/255", InputFormat(Domain(0, 255), 255.0, True)),
        ("int16/1024", InputFormat(Domain(-32768, 32767), 1024.0, True)),
        ("int8@0.8298503756523132", InputFormat(Domain(-128, 127), 0.8298503756523132)),
        ("uint4@1e-3", InputFormat(Domain(0, 15), float(np.float32(1e-3)))),
        ("int2", InputFormat(Domain(-2, 1))),
        ("bipolar", InputFormat(BIPOLAR)),
    ],
)
def test_formats_are_read(text: str, format: InputFormat) -> None:
    assert parse_format(text) == format
    assert parse_format(str(format)) == format


def test_values_are_rounded_to_float32_once() -> None:
    """Dividing by 255 is not multiplying by 1/255."""
    values = parse_format("uint8/255").values
    assert values.dtype == np.float32
    assert values.tolist() == [float(np.float32(c) / np.float32(255)) for c in range(256)]
    assert (values != np.arange(256, dtype=np.float32) * np.float32(1 / 255)).any()
    scaled = parse_format("int8@0.8298503756523132").values
    assert scaled.tolist() == [float(np.float32(c) * np.float32(0.8298503756523132)) for c in range(-128, 128)]
    assert parse_format("bipolar").values.tolist() == [-1, 1]


@pytest.mark.parametrize("text", ["uint8/255", "int16/1024", "int8@0.8298503756523132", "bipolar", "uint1/3"])
def test_every_code_comes_back(text: str) -> None:
    format = parse_format(text)
    codes = np.arange(format.domain.lo, format.domain.hi + 1, format.domain.step).reshape(2, -1)
    assert (format.codes(format.values.reshape(2, -1), "x") == codes).all()


@pytest.mark.parametrize(
    ("text", "x", "message"),
    [
        ("uint8/255", [[0.0, 0.5]], "uint8/255.0, not 0.5 at index [0, 1]; near it are 0.49803922 and 0.5019608"),
        ("int8@1", [[1.0], [-129.0]], "int8@1.0, not -129.0 at index [1, 0]; near it are -128.0"),
        ("uint8/255", [[1.5]], "uint8/255.0, not 1.5 at index [0, 0]; near it are 0.99607843 and 1.0"),
        ("bipolar", [[0.0]], "bipolar, not 0.0 at index [0, 0]; near it are -1.0 and 1.0"),
    ],
)
def test_a_float_that_is_no_code(text: str, x: list[list[float]], message: str) -> None:
    with says(DataError, f"x must hold values of {message}"):
        parse_format(text).codes(np.array(x, np.float32), "x")


@pytest.mark.parametrize("text", ["float32", "uint8/", "uint17/2", "int0", "8/255", "uint8*2", "Bipolar", ""])
def test_other_words(text: str) -> None:
    message = "an input format must be like uint8/255, int16/1024, int8@0.0078125 or bipolar, with up to 16 bits"
    with says(DataError, f"{message}, not '{text}'"):
        parse_format(text)


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "inf", "1e99", "1e-99", "x"])
def test_scales_must_be_positive_numbers(scale: str) -> None:
    with says(DataError, f"the scale of input format 'uint8/{scale}' must be a positive float32 number"):
        parse_format(f"uint8/{scale}")


@pytest.mark.parametrize("text", ["uint8@1e-45", "int16/1e38", "int4/3e38"])
def test_subnormal_values_are_still_different(text: str) -> None:
    assert len(np.unique(parse_format(text).values)) == parse_format(text).domain.size


@pytest.mark.parametrize("text", ["uint8@3e38", "int16/1e-38"])
def test_codes_must_stay_different(text: str) -> None:
    message = f"the scale of input format '{text}' must keep different codes different, finite numbers"
    with says(DataError, message):
        parse_format(text)
