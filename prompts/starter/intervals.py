"""Ranges on a line or in time."""


# level 2
def interval_length(interval: tuple[int, int]) -> int:
    """Return the length of an interval given as (start, end), where the end is never before the start.

    >>> interval_length((3, 8))
    5
    >>> interval_length((5, 5))
    0
    >>> interval_length((-2, 2))
    4
    >>> interval_length((0, 100))
    100
    >>> interval_length((-9, -4))
    5
    """
    start, end = interval
    return end - start


# level 2
def intervals_overlap(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Return whether two intervals, given as (start, end), have a stretch of positive length in common. Intervals that
    only touch at an end do not overlap.

    >>> intervals_overlap((1, 5), (4, 9))
    True
    >>> intervals_overlap((1, 4), (4, 9))
    False
    >>> intervals_overlap((0, 10), (3, 4))
    True
    >>> intervals_overlap((6, 8), (1, 2))
    False
    >>> intervals_overlap((-3, 0), (-1, 5))
    True
    """
    return max(first[0], second[0]) < min(first[1], second[1])


# level 2
def total_open_hours(shifts: list[tuple[int, int]]) -> int:
    """Return the total number of hours of all shifts, each given as (start, end) on a 24-hour clock. A shift whose end
    is smaller than its start goes on past midnight.

    >>> total_open_hours([(9, 12), (13, 17)])
    7
    >>> total_open_hours([])
    0
    >>> total_open_hours([(22, 6)])
    8
    >>> total_open_hours([(8, 8)])
    0
    >>> total_open_hours([(0, 23), (20, 1)])
    28
    """
    return sum((end - start) % 24 for start, end in shifts)


# level 3
def merge_intervals(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the intervals, given as (start, end), joined wherever they overlap or touch, ordered by their start.

    >>> merge_intervals([(1, 4), (3, 7), (9, 12)])
    [(1, 7), (9, 12)]
    >>> merge_intervals([(15, 17), (12, 15)])
    [(12, 17)]
    >>> merge_intervals([])
    []
    >>> merge_intervals([(0, 10), (2, 3)])
    [(0, 10)]
    >>> merge_intervals([(1, 2), (14, 18), (15, 16)])
    [(1, 2), (14, 18)]
    >>> merge_intervals([(6, 8), (1, 2)])
    [(1, 2), (6, 8)]
    """
    merged: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


# level 3
def free_gaps(busy: list[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """Return the free stretches between start and end that are left by the busy intervals. The busy intervals lie
    within start and end, are in ascending order and do not overlap. Gaps of length 0 are left out.

    >>> free_gaps([(10, 11), (13, 15)], 9, 17)
    [(9, 10), (11, 13), (15, 17)]
    >>> free_gaps([], 0, 5)
    [(0, 5)]
    >>> free_gaps([(0, 5)], 0, 5)
    []
    >>> free_gaps([(11, 12), (12, 14)], 11, 16)
    [(14, 16)]
    >>> free_gaps([(6, 8)], 4, 8)
    [(4, 6)]
    """
    gaps = []
    for busy_start, busy_end in [*busy, (end, end)]:
        if start < busy_start:
            gaps.append((start, busy_start))
        start = busy_end
    return gaps


# level 4
def most_guests_at_once(visits: list[tuple[int, int]]) -> int:
    """Return the largest number of guests that are present at the same time. Each visit is (arrival, departure), and a
    guest who leaves at the moment another one arrives has already gone.

    >>> most_guests_at_once([(1, 5), (2, 6), (5, 9)])
    2
    >>> most_guests_at_once([])
    0
    >>> most_guests_at_once([(3, 4)])
    1
    >>> most_guests_at_once([(10, 12), (13, 18), (14, 19), (15, 20)])
    3
    >>> most_guests_at_once([(1, 9), (2, 8), (6, 7)])
    3
    >>> most_guests_at_once([(11, 12), (12, 14), (14, 15)])
    1
    """
    events = [(arrival, 1) for arrival, _ in visits] + [(departure, -1) for _, departure in visits]
    present = most = 0
    for _, change in sorted(events):
        present += change
        most = max(most, present)
    return most
