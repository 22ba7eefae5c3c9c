"""Sizes and rectangles: the vendor's check values, and what must hold for all numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidParamsError
from penstock.operations._image_geometry import (
    Size,
    anchored,
    cropped,
    cut,
    inside,
    mark_size,
    padded,
    resized,
)
from penstock.operations._image_rules import parse_rule
from penstock.operations._image_steps import (
    MAX_SIDE,
    Crop,
    Cut,
    Fit,
    Gravity,
    PictureMark,
    Placement,
    Resize,
    ScaleBy,
)

SIDES = st.integers(1, MAX_SIDE)
SIZES = st.builds(Size, st.integers(1, 50_000), st.integers(1, 50_000))
FITS = st.builds(Resize, fit=st.sampled_from(Fit), width=SIDES, height=SIDES)
SOURCE = Size(1000, 500)


def final_size(rule: str, source: Size = SOURCE) -> Size:
    """The size after every step of a rule."""
    for step in parse_rule(rule).steps:
        if isinstance(step, Resize):
            source = resized(step, source)
        elif isinstance(step, Crop):
            source = Size(*cropped(step, source)[2:])
    return source


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("imageMogr2/thumbnail/!50p", (500, 250)),
        ("imageMogr2/thumbnail/!50px", (500, 500)),
        ("imageMogr2/thumbnail/!x50p", (1000, 250)),
        ("imageMogr2/thumbnail/300x", (300, 150)),
        ("imageMogr2/thumbnail/x100", (200, 100)),
        ("imageMogr2/thumbnail/300x300", (300, 150)),
        ("imageMogr2/thumbnail/2000x2000", (2000, 1000)),
        ("imageMogr2/thumbnail/2000x2000>", (1000, 500)),
        ("imageMogr2/thumbnail/300x300>", (300, 150)),
        ("imageMogr2/thumbnail/2000x2000<", (2000, 1000)),
        ("imageMogr2/thumbnail/300x300<", (1000, 500)),
        ("imageMogr2/thumbnail/!300x300r", (600, 300)),
        ("imageMogr2/thumbnail/300x300!", (300, 300)),
        ("imageMogr2/thumbnail/125000@", (500, 250)),
        ("imageMogr2/thumbnail/99999999@", (1000, 500)),
        ("imageMogr2/thumbnail/99999x", (10000, 5000)),
        ("imageMogr2/crop/300x", (300, 500)),
        ("imageMogr2/crop/x300", (1000, 300)),
        ("imageMogr2/crop/9000x300", (1000, 300)),
        ("imageView2/1/w/500/h/400", (500, 400)),
        ("imageView2/1/w/300", (300, 300)),
        ("imageView2/2/w/500/h/400", (500, 250)),
        ("imageView2/2/h/100", (200, 100)),
        ("imageView2/2/w/5000", (1000, 500)),
        ("imageView2/3/w/500/h/400", (800, 400)),
        ("imageView2/4/w/600/h/400", (800, 400)),
        ("imageView2/5/w/600/h/400", (600, 400)),
        ("imageView2/format/png", (1000, 500)),
    ],
)
def test_rule_gives_documented_size(rule: str, expected: tuple[int, int]) -> None:
    """A picture of 1000x500 comes out in the size that the vendor's pages name."""
    assert final_size(rule) == expected


def test_cover_goes_through_documented_size() -> None:
    """Mode 1 covers the box first and cuts then: 1000x500 to 500x400 goes via 800x400."""
    resize = parse_rule("imageView2/1/w/500/h/400").steps[0]

    assert isinstance(resize, Resize)
    assert resized(resize, SOURCE) == (800, 400)


def test_edges_follow_the_orientation() -> None:
    """Modes 4 and 5 mean the long and the short edge, whichever way the picture lies."""
    assert final_size("imageView2/4/w/600/h/400", Size(500, 1000)) == (400, 800)
    assert final_size("imageView2/5/w/600/h/400", Size(500, 1000)) == (400, 600)


@given(FITS, SIZES)
def test_resize_stays_within_bounds(step: Resize, source: Size) -> None:
    """No side falls below one pixel, and none grows beyond the largest side allowed."""
    width, height = resized(step, source)

    assert width >= 1
    assert height >= 1
    if width > source.width or height > source.height:
        assert max(width, height) <= MAX_SIDE


@given(SIDES, SIDES, SIZES)
def test_inside_fits_and_touches(width: int, height: int, source: Size) -> None:
    """Fitting inside never exceeds the box, and reaches at least one of its sides."""
    found = resized(Resize(fit=Fit.INSIDE, width=width, height=height), source)

    assert found.width <= width
    assert found.height <= height
    assert found.width == width or found.height == height


@given(st.integers(1, 3000), st.integers(1, 3000), SIZES)
def test_cover_covers_and_touches(width: int, height: int, source: Size) -> None:
    """Covering reaches both sides of the box and exceeds at most one."""
    found = resized(Resize(fit=Fit.COVER, width=width, height=height), source)

    if max(found) < MAX_SIDE:
        assert found.width >= width
        assert found.height >= height
        assert found.width == width or found.height == height


@given(FITS.filter(lambda step: step.fit not in {Fit.EXACT, Fit.PERCENT}), SIZES)
def test_resize_keeps_proportions(step: Resize, source: Size) -> None:
    """Every fit but the exact one keeps the proportions, to within a pixel."""
    width, height = resized(step, source)

    if width > 1 and height > 1:
        skew = abs(width * source.height - height * source.width)
        assert skew <= 2 * max(source)


@given(st.integers(1, 10**9), SIZES)
def test_area_is_not_exceeded(area: int, source: Size) -> None:
    """An area is never exceeded, and a picture below it is left alone."""
    found = resized(Resize(fit=Fit.AREA, width=area), source)

    assert found.width * found.height <= area
    if source.width * source.height <= area:
        assert found == source


def test_area_of_one_pixel_leaves_one_pixel() -> None:
    """A tall picture that must fit one pixel becomes one pixel, not none."""
    assert resized(Resize(fit=Fit.AREA, width=1), Size(1, 4)) == (1, 1)


@given(
    st.builds(
        Crop,
        width=st.integers(0, MAX_SIDE),
        height=st.integers(0, MAX_SIDE),
        gravity=st.sampled_from(Gravity),
        dx=st.integers(0, MAX_SIDE),
        dy=st.integers(0, MAX_SIDE),
        to_edges=st.booleans(),
    ),
    SIZES,
)
def test_crop_lies_inside_the_picture(step: Crop, source: Size) -> None:
    """A crop is never empty and never reaches outside the picture."""
    left, top, width, height = cropped(step, source)

    assert 0 <= left <= left + width <= source.width
    assert 0 <= top <= top + height <= source.height
    assert width * height >= 1


@given(SIZES, SIDES, SIDES, st.integers(0, 60_000), st.integers(0, 60_000))
def test_cut_lies_inside_the_picture_or_fails(
    source: Size, width: int, height: int, left: int, top: int
) -> None:
    """A cut that begins inside the picture is trimmed to it; any other is refused."""
    step = Cut(width=width, height=height, left=left, top=top)

    if left < source.width and top < source.height:
        box = cut(step, source)
        assert box.left + box.width <= source.width
        assert box.top + box.height <= source.height
        assert box.width * box.height >= 1
    else:
        with pytest.raises(InvalidParamsError, match="inside the picture"):
            cut(step, source)


@pytest.mark.parametrize(
    ("gravity", "expected"),
    [
        (Gravity.NORTHWEST, (5, 7)),
        (Gravity.NORTH, (40, 7)),
        (Gravity.NORTHEAST, (75, 7)),
        (Gravity.WEST, (5, 20)),
        (Gravity.CENTER, (40, 20)),
        (Gravity.EAST, (75, 20)),
        (Gravity.SOUTHWEST, (5, 33)),
        (Gravity.SOUTH, (40, 33)),
        (Gravity.SOUTHEAST, (75, 33)),
    ],
)
def test_gravity_moves_offsets_inwards(gravity: Gravity, expected: tuple[int, int]) -> None:
    """Offsets go inwards from the anchor, and centre lines ignore the one along themselves."""
    assert anchored(gravity, Size(100, 50), Size(20, 10), 5, 7) == expected


@pytest.mark.parametrize(
    ("scale_by", "permille", "expected"),
    [
        (None, 0, (40, 20)),
        (ScaleBy.WIDTH, 100, (100, 50)),
        (ScaleBy.HEIGHT, 100, (100, 50)),
        (ScaleBy.AREA, 10, (100, 50)),
    ],
)
def test_mark_takes_its_share(
    scale_by: ScaleBy | None, permille: int, expected: tuple[int, int]
) -> None:
    """A mark's width, height or area is the given share of the picture's."""
    step = PictureMark(url="m", placement=Placement(), scale_by=scale_by, permille=permille)

    assert mark_size(step, SOURCE, Size(40, 20)) == expected


@given(SIZES, SIZES)
def test_padding_and_fitting_never_lose_pixels(outer: Size, inner: Size) -> None:
    """A canvas holds the picture whole, and a mark that is scaled in fits."""
    canvas = padded(*outer, inner)
    fitted = inside(outer, inner)

    assert canvas.width >= inner.width
    assert canvas.height >= inner.height
    assert fitted.width <= outer.width
    assert fitted.height <= outer.height
