"""The box of the city: what is one, and which places lie in it."""

import pytest

from streams.bounds import FORM, WHOLE_EARTH, Bounds

SHANGHAI = Bounds.parse("120.8,30.6,122.3,31.9")
FIJI = Bounds.parse(" 176.5, -20.8, -178.0, -12.2 ")


@pytest.mark.parametrize("bounds", [SHANGHAI, FIJI, WHOLE_EARTH])
def test_a_box_is_written_as_it_is_read(bounds: Bounds) -> None:
    assert Bounds.parse(str(bounds)) == bounds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shanghai",
        "120.8,30.6,122.3",
        "120.8,30.6,122.3,31.9,4",
        "120.8,30.6,122.3,",
        "120.8 30.6 122.3 31.9",
        "120.8,30.6,nan,31.9",
        "1_20,30.6,122.3,31.9",
        "30.6,120.8,31.9,122.3",  # latitudes first
        "120.8,31.9,122.3,30.6",
        "120.8,30.6,122.3,30.6",
        "120.8,30.6,120.8,31.9",
        "180,30.6,-180,31.9",  # one meridian
        "-180.1,30.6,122.3,31.9",
        "120.8,30.6,180.1,31.9",
        "120.8,-90.1,122.3,31.9",
        "120.8,30.6,122.3,90.1",
    ],
)
def test_what_is_no_box_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"^west,south,east,north is expected.* such as 120\.8,") as raised:
        Bounds.parse(text)
    assert str(raised.value) == FORM


@pytest.mark.parametrize(
    ("bounds", "lat", "lon", "inside"),
    [
        (SHANGHAI, 31.23, 121.47, True),
        (SHANGHAI, 30.6, 120.8, True),
        (SHANGHAI, 31.9, 122.3, True),
        (SHANGHAI, 30.599, 121.47, False),
        (SHANGHAI, 31.901, 121.47, False),
        (SHANGHAI, 31.23, 120.799, False),
        (SHANGHAI, 31.23, 122.301, False),
        (SHANGHAI, -31.23, 121.47, False),
        (SHANGHAI, 31.23, -121.47, False),
        (FIJI, -18.1, 178.4, True),
        (FIJI, -16.8, -179.9, True),
        (FIJI, -16.8, 180.0, True),
        (FIJI, -16.8, -180.0, True),
        (FIJI, -18.1, 176.5, True),
        (FIJI, -18.1, -178.0, True),
        (FIJI, -18.1, 176.4, False),
        (FIJI, -18.1, -177.9, False),
        (FIJI, -18.1, 0.0, False),
        (FIJI, -21.0, 178.4, False),
        (FIJI, -18.1, 180.1, False),
        (FIJI, -18.1, -180.1, False),
        (WHOLE_EARTH, 90.0, -180.0, True),
        (WHOLE_EARTH, -90.0, 180.0, True),
        (WHOLE_EARTH, 90.1, 0.0, False),
        (WHOLE_EARTH, 0.0, 180.1, False),
    ],
)
def test_a_place_is_inside_up_to_the_edge(bounds: Bounds, lat: float, lon: float, inside: bool) -> None:
    assert bounds.holds(lat, lon) is inside
