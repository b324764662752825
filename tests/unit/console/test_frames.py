"""Frames: compressed once for all, and each client's stream of them is gzip that can be read as it comes."""

import gzip
import zlib

import pytest

from streams.console.frames import Frame, Gzip, takes_gzip

FRAMES = [Frame(b"retry: 1000\n\n"), Frame(b"event: snapshot\ndata: {}\n\n" * 5_000), Frame(b"data: 1\n\n")]


def test_a_stream_is_gzip_that_begins_with_any_frame_and_shares_the_others() -> None:
    whole = FRAMES[1].packed
    for taken in (FRAMES, FRAMES[1:], [*reversed(FRAMES)]):
        stream = Gzip()
        assert gzip.decompress(b"".join(map(stream.take, taken)) + stream.end()) == b"".join(taken)
    assert FRAMES[1].packed is whole, "200 clients would compress 200 times"
    assert len(whole) < len(FRAMES[1]) / 10


def test_each_frame_can_be_read_when_it_comes() -> None:
    stream, reader = Gzip(), zlib.decompressobj(wbits=31)
    assert [reader.decompress(stream.take(frame)) for frame in FRAMES] == FRAMES


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("gzip, deflate, br", True),
        ("deflate, GZIP;q=0.5", True),
        ("x-gzip", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, deflate", False),
        ("x-gzipped", False),
    ],
)
def test_who_takes_gzip_says_so(header: str, takes: bool) -> None:
    assert takes_gzip(header) is takes
