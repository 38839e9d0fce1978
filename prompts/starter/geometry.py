"""Points, lengths and shapes with whole-number coordinates."""


# level 2
def fence_length(width: int, length: int) -> int:
    """Return the length of a fence that goes all around a rectangular garden of the given width and length.

    >>> fence_length(3, 5)
    16
    >>> fence_length(10, 10)
    40
    >>> fence_length(0, 4)
    8
    >>> fence_length(1, 1)
    4
    >>> fence_length(25, 40)
    130
    """
    return 2 * (width + length)


# level 1
def box_volume(width: int, height: int, depth: int) -> int:
    """Return the volume of a box, which is its width times its height times its depth.

    >>> box_volume(2, 3, 4)
    24
    >>> box_volume(5, 5, 5)
    125
    >>> box_volume(7, 0, 2)
    0
    >>> box_volume(1, 1, 1)
    1
    >>> box_volume(10, 20, 1)
    200
    """
    return width * height * depth


# level 1
def is_square(width: int, height: int) -> bool:
    """Return whether a rectangle with the given width and height is a square.

    >>> is_square(4, 4)
    True
    >>> is_square(4, 5)
    False
    >>> is_square(1, 1)
    True
    >>> is_square(9, 3)
    False
    >>> is_square(100, 100)
    True
    """
    return width == height


# level 2
def taxi_distance(start: tuple[int, int], end: tuple[int, int]) -> int:
    """Return how many blocks a taxi drives from one corner to another in a city whose streets form a square grid: the
    difference of the x values plus the difference of the y values, both taken as positive.

    >>> taxi_distance((0, 0), (3, 4))
    7
    >>> taxi_distance((5, 1), (2, 9))
    11
    >>> taxi_distance((-2, -3), (2, 3))
    10
    >>> taxi_distance((7, 6), (7, 6))
    0
    >>> taxi_distance((1, 0), (0, 0))
    1
    """
    return abs(start[0] - end[0]) + abs(start[1] - end[1])


# level 2
def tiles_needed(width: int, length: int, tile: int) -> int:
    """Return how many square tiles with the given side are needed to cover a floor of the given width and length.
    Tiles may be cut, but a cut-off piece is never used again.

    >>> tiles_needed(4, 6, 2)
    6
    >>> tiles_needed(5, 6, 2)
    9
    >>> tiles_needed(5, 7, 2)
    12
    >>> tiles_needed(1, 1, 3)
    1
    >>> tiles_needed(0, 9, 3)
    0
    """
    from math import ceil

    return ceil(width / tile) * ceil(length / tile)


# level 2
def quadrant(x: int, y: int) -> int:
    """Return the number of the quadrant that contains the point: 1 if x and y are positive, 2 if only y is, 3 if both
    are negative, 4 if only x is positive, and 0 if the point lies on an axis.

    >>> quadrant(1, 1)
    1
    >>> quadrant(-1, 1)
    2
    >>> quadrant(-1, -1)
    3
    >>> quadrant(1, -1)
    4
    >>> quadrant(0, 5)
    0
    >>> quadrant(4, 0)
    0
    """
    if x == 0 or y == 0:
        return 0
    if y > 0:
        return 1 if x > 0 else 2
    return 3 if x < 0 else 4


# level 2
def end_of_walk(moves: str) -> tuple[int, int]:
    """Return the point (x, y) reached from (0, 0) by following the moves: U adds 1 to y, D subtracts 1 from y, R adds
    1 to x and L subtracts 1 from x.

    >>> end_of_walk("UUR")
    (1, 2)
    >>> end_of_walk("")
    (0, 0)
    >>> end_of_walk("LRLR")
    (0, 0)
    >>> end_of_walk("DDDL")
    (-1, -3)
    >>> end_of_walk("RURURU")
    (3, 3)
    """
    x = moves.count("R") - moves.count("L")
    y = moves.count("U") - moves.count("D")
    return x, y


# level 3
def rectangle_overlap(first: tuple[int, int, int, int], second: tuple[int, int, int, int]) -> int:
    """Return the area that two rectangles share. A rectangle is given as left, bottom, right and top, and rectangles
    that only touch share the area 0.

    >>> rectangle_overlap((0, 0, 4, 4), (2, 1, 6, 3))
    4
    >>> rectangle_overlap((0, 0, 2, 2), (2, 0, 3, 2))
    0
    >>> rectangle_overlap((1, 2, 7, 9), (3, 0, 5, 8))
    12
    >>> rectangle_overlap((3, 0, 5, 8), (1, 2, 7, 9))
    12
    >>> rectangle_overlap((0, 0, 4, 1), (0, 1, 4, 2))
    0
    >>> rectangle_overlap((0, 0, 1, 1), (5, 5, 6, 6))
    0
    >>> rectangle_overlap((-2, -2, 0, 0), (-1, -3, 1, -1))
    1
    """
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(width, 0) * max(height, 0)


# level 3
def farthest_from_origin(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return all points whose straight-line distance from (0, 0) is the largest among the points, in their original
    order.

    >>> farthest_from_origin([(1, 0), (3, 4), (0, 2)])
    [(3, 4)]
    >>> farthest_from_origin([(5, 0), (3, 4), (-5, 0)])
    [(5, 0), (3, 4), (-5, 0)]
    >>> farthest_from_origin([])
    []
    >>> farthest_from_origin([(0, 0)])
    [(0, 0)]
    >>> farthest_from_origin([(4, 4), (0, 6)])
    [(0, 6)]
    """
    squares = [x * x + y * y for x, y in points]
    return [point for point, square in zip(points, squares, strict=True) if square == max(squares)]


# level 5
def twice_polygon_area(corners: list[tuple[int, int]]) -> int:
    """Return two times the area of the polygon with the given corners, which are listed in order around it, in either
    direction. Fewer than three corners enclose nothing and give 0.

    >>> twice_polygon_area([(0, 0), (4, 0), (4, 3)])
    12
    >>> twice_polygon_area([(0, 0), (0, 2), (2, 2), (2, 0)])
    8
    >>> twice_polygon_area([(1, 1), (5, 5)])
    0
    >>> twice_polygon_area([])
    0
    >>> twice_polygon_area([(0, 0), (6, 0), (6, 6), (3, 1)])
    24
    >>> twice_polygon_area([(-1, 0), (0, -1), (1, 0), (0, 1)])
    4
    """
    following = corners[1:] + corners[:1]
    return abs(sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in zip(corners, following, strict=True)))
