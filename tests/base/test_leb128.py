"""LEB128: exact bytes, exact limits, exact complaints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wadjet.base import leb128
from wadjet.base.errors import Malformed

UNSIGNED = {32: leb128.read_u32, 64: leb128.read_u64}
SIGNED = {32: leb128.read_s32, 33: leb128.read_s33, 64: leb128.read_s64}

END = "unexpected end"
LONG = "integer representation too long"
LARGE = "integer too large"


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "8001"),
        (624485, "e58e26"),
        (2**32 - 1, "ffffffff0f"),
        (2**64 - 1, "ffffffffffffffffff01"),
    ],
)
def test_unsigned_bytes(value: int, encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert leb128.unsigned(value) == data
    assert leb128.read_u64(b"\xff" + data + b"\xff", 1) == (value, 1 + len(data))


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "00"),
        (63, "3f"),
        (64, "c000"),
        (-1, "7f"),
        (-64, "40"),
        (-65, "bf7f"),
        (-123456, "c0bb78"),
        (2**31 - 1, "ffffffff07"),
        (-(2**31), "8080808078"),
        (-(2**63), "8080808080808080807f"),
    ],
)
def test_signed_bytes(value: int, encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert leb128.signed(value) == data
    assert leb128.read_s64(b"\x00" + data + b"\x00", 1) == (value, 1 + len(data))


@pytest.mark.parametrize(
    ("bits", "encoded", "message"),
    [
        (32, "", END),
        (32, "80", END),
        (32, "80808080", END),
        (32, "8080808080", LONG),
        (32, "808080808000", LONG),
        (32, "8080808010", LARGE),
        (32, "ffffffff1f", LARGE),
        (64, "80808080808080808080", LONG),
        (64, "80808080808080808002", LARGE),
    ],
)
def test_unsigned_rejects(bits: int, encoded: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        UNSIGNED[bits](bytes.fromhex(encoded), 0)


@pytest.mark.parametrize(
    ("bits", "encoded", "message"),
    [
        (32, "", END),
        (32, "ff", END),
        (32, "8080808080", LONG),
        (32, "ffffffffff7f", LONG),
        (32, "8080808008", LARGE),
        (32, "ffffffff4f", LARGE),
        (32, "8080808070", LARGE),
        (33, "8080808010", LARGE),
        (64, "80808080808080808001", LARGE),
        (64, "ffffffffffffffffff7e", LARGE),
    ],
)
def test_signed_rejects(bits: int, encoded: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        SIGNED[bits](bytes.fromhex(encoded), 0)


def test_padding_is_allowed_within_the_limit() -> None:
    assert leb128.read_u32(bytes.fromhex("8380808000"), 0) == (3, 5)
    assert leb128.read_s32(bytes.fromhex("ffffffff7f"), 0) == (-1, 5)
    assert leb128.read_s33(bytes.fromhex("ffffffff0f"), 0) == (2**32 - 1, 5)


def test_the_place_is_that_of_the_offending_byte() -> None:
    with pytest.raises(Malformed) as caught:
        leb128.read_u32(bytes.fromhex("00ffffffff1f"), 1)
    assert caught.value.place is not None
    assert caught.value.place.offset == 5


@given(st.sampled_from([32, 64]), st.data())
def test_unsigned_round_trip(bits: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(0, 2**bits - 1))
    encoded = leb128.unsigned(value)
    assert UNSIGNED[bits](encoded, 0) == (value, len(encoded))
    assert len(encoded) == max(1, -(-value.bit_length() // 7))


@given(st.sampled_from([32, 33, 64]), st.data())
def test_signed_round_trip(bits: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))
    encoded = leb128.signed(value)
    assert SIGNED[bits](encoded, 0) == (value, len(encoded))
    assert leb128.read_signed(encoded, 0, 7 * len(encoded)) == (value, len(encoded))


@given(st.binary(max_size=12), st.sampled_from([32, 64]))
def test_any_bytes_give_a_number_in_range_or_malformed(data: bytes, bits: int) -> None:
    for readers, low, high in (
        (UNSIGNED, 0, 2**bits),
        (SIGNED, -(2 ** (bits - 1)), 2 ** (bits - 1)),
    ):
        try:
            value, end = readers[bits](data, 0)
        except Malformed:
            continue
        assert low <= value < high
        assert 0 < end <= len(data)


@given(st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 300)), st.binary(max_size=3))
def test_many_at_once(values: list[int], rest: bytes) -> None:
    data = b"\xff" + b"".join(map(leb128.unsigned, values)) + rest
    end = len(data) - len(rest)
    assert leb128.read_u32s(data, 1, len(values)) == (values, end)
    if values:
        with pytest.raises(Malformed, match=END):
            leb128.read_u32s(data[: end - 1], 1, len(values))


@pytest.mark.parametrize("encoded", ["808080808000", "ffffffff1f"])
def test_many_at_once_are_as_strict(encoded: str) -> None:
    data = b"\x05" + bytes.fromhex(encoded) + b"\0\0\0"
    with pytest.raises(Malformed, match=f"{LONG}|{LARGE}"):
        leb128.read_u32s(data, 0, 3)
