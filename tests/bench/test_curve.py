"""A curve's picture."""

import re
from xml.etree import ElementTree

from bench.curve import HEIGHT, WIDTH, draw


def test_each_series_is_a_line_within_the_picture() -> None:
    picture = draw(
        "CPU", "agents", "us", {"apply": [(100, 30.0), (20_000, 900.0)], "admit": [(100, 5.0), (20_000, 6.0)]}
    )
    lines = [one.attrib["points"] for one in ElementTree.fromstring(picture).iter() if one.tag.endswith("polyline")]
    points = [tuple(map(float, point.split(","))) for line in lines for point in line.split()]
    assert 2 == len(lines)
    assert 4 == len(points)
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in points)


def test_what_is_larger_stands_higher_and_further_right() -> None:
    picture = draw("memory", "agents", "MB", {"all": [(10, 1.0), (1000, 50.0)]})
    (line,) = re.findall(r'points="([^"]+)"', picture)
    (x0, y0), (x1, y1) = (tuple(map(float, point.split(","))) for point in line.split())
    assert x0 < x1
    assert y0 > y1
