import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from pipeline.config.errors import UserError
from pipeline.data import idx

WHOLE = idx.encode(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6)))
@settings(deadline=None)
def test_an_array_comes_back_from_its_idx_bytes(array: np.ndarray):
    decoded = idx.decode(idx.encode(array), "images", array.ndim)
    assert decoded.dtype == np.uint8
    assert not decoded.flags.writeable
    np.testing.assert_array_equal(decoded, array)


def test_the_header_is_the_one_that_lecun_describes():
    assert WHOLE[:16] == bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4])


def test_a_view_is_written_as_it_reads():
    array = np.arange(24, dtype=np.uint8).reshape(4, 3, 2).T
    np.testing.assert_array_equal(idx.decode(idx.encode(array), "images", 3), array)


@pytest.mark.parametrize(
    ("content", "found", "expected"),
    [
        (b"", "0 bytes", "16"),
        (WHOLE[:15], "15 bytes", "16"),
        (b"\x1f\x8b" + WHOLE[2:], "0x1f8b0803", "0x00000803"),
        (idx.encode(np.zeros(12, np.uint8)), "0x00000801", "0x00000803"),
        (WHOLE[:-1], "39 bytes", "2x3x4, which takes 40"),
        (WHOLE + b"\0", "41 bytes", "2x3x4, which takes 40"),
        (struct.pack(">HBB3I", 0, 8, 3, 2**22, 2**21, 2**21), "16 bytes", f"takes {2**64 + 16}"),
    ],
    ids=["empty", "header cut", "gz", "labels", "too short", "too long", "sizes that overflow 64 bits"],
)
def test_damaged_bytes_are_refused_with_name_finding_and_expectation(content: bytes, found: str, expected: str):
    with pytest.raises(UserError) as refused:
        idx.decode(content, "some/images", 3)
    message = str(refused.value)
    assert message.startswith("some/images: ")
    assert found in message
    assert expected in message
