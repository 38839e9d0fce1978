"""Summaries of a list of measurements."""


# level 1
def largest_minus_smallest(values: list[int]) -> int:
    """Return the difference between the largest and the smallest value of a list that is not empty.

    >>> largest_minus_smallest([4, 10, 6])
    6
    >>> largest_minus_smallest([5])
    0
    >>> largest_minus_smallest([-3, 3])
    6
    >>> largest_minus_smallest([7, 7, 7])
    0
    >>> largest_minus_smallest([100, 1])
    99
    """
    return max(values) - min(values)


# level 1
def total_points(first_half: list[int], second_half: list[int]) -> int:
    """Return the sum of all numbers in both lists together.

    >>> total_points([2, 3], [5])
    10
    >>> total_points([], [])
    0
    >>> total_points([10], [])
    10
    >>> total_points([-4], [4, 1])
    1
    >>> total_points([1, 1], [6, 2])
    10
    """
    return sum(first_half) + sum(second_half)


# level 2
def rounded_down_average(values: list[int]) -> int:
    """Return the average of the values rounded down to a whole number, or 0 for an empty list.

    >>> rounded_down_average([4, 8])
    6
    >>> rounded_down_average([4, 9])
    6
    >>> rounded_down_average([])
    0
    >>> rounded_down_average([-1, 0])
    -1
    >>> rounded_down_average([6])
    6
    """
    return sum(values) // len(values) if values else 0


# level 2
def days_above_average(values: list[int]) -> int:
    """Return how many of the values are greater than the average of all values. An empty list gives 0.

    >>> days_above_average([1, 2, 9])
    1
    >>> days_above_average([5, 5])
    0
    >>> days_above_average([])
    0
    >>> days_above_average([0, 10, 10])
    2
    >>> days_above_average([-8, -6, -4, -2])
    2
    """
    return sum(value * len(values) > sum(values) for value in values)


# level 2
def without_extremes(values: list[int]) -> list[int]:
    """Return the values in their original order without any that equal the smallest or the largest value.

    >>> without_extremes([5, 1, 9, 6])
    [5, 6]
    >>> without_extremes([2, 2, 3, 8, 8])
    [3]
    >>> without_extremes([])
    []
    >>> without_extremes([4])
    []
    >>> without_extremes([0, -5, 5, 1])
    [0, 1]
    """
    return [value for value in values if min(values) < value < max(values)]


# level 2
def percent_of_total(values: list[int]) -> list[int]:
    """Return for each value which percentage of the sum of all values it is, rounded down. The values are positive.

    >>> percent_of_total([1, 3])
    [25, 75]
    >>> percent_of_total([5])
    [100]
    >>> percent_of_total([])
    []
    >>> percent_of_total([1, 1, 1])
    [33, 33, 33]
    >>> percent_of_total([10, 20, 70])
    [10, 20, 70]
    """
    total = sum(values)
    return [value * 100 // total for value in values]


# level 3
def most_frequent_values(values: list[int]) -> list[int]:
    """Return all values that occur most often, each once, in ascending order. An empty list gives an empty list.

    >>> most_frequent_values([4, 7, 4])
    [4]
    >>> most_frequent_values([30, 10, 20])
    [10, 20, 30]
    >>> most_frequent_values([])
    []
    >>> most_frequent_values([8, 8, -2, -2, 0])
    [-2, 8]
    >>> most_frequent_values([6])
    [6]
    """
    from collections import Counter

    counts = Counter(values)
    return sorted(value for value, count in counts.items() if count == max(counts.values()))


# level 3
def moving_sums(values: list[int], window: int) -> list[int]:
    """Return the sums of all stretches of window neighboring values, from left to right. If there are fewer values
    than window, the list is empty. The window is positive.

    >>> moving_sums([5, 1, 4, 2], 2)
    [6, 5, 6]
    >>> moving_sums([5, 1, 4], 3)
    [10]
    >>> moving_sums([5, 1], 3)
    []
    >>> moving_sums([], 1)
    []
    >>> moving_sums([9, -9, 9], 1)
    [9, -9, 9]
    """
    return [sum(values[end - window : end]) for end in range(window, len(values) + 1)]


# level 3
def bucket_counts(values: list[int], width: int, buckets: int) -> list[int]:
    """Return how many values fall into each bucket. Bucket 0 takes the values from 0 to width - 1, bucket 1 the next
    width values, and so on. Values too large for the last bucket, and negative values, are ignored.

    >>> bucket_counts([1, 12, 15, 27], 10, 3)
    [1, 2, 1]
    >>> bucket_counts([], 5, 2)
    [0, 0]
    >>> bucket_counts([-1, 0, 4, 5], 5, 1)
    [2]
    >>> bucket_counts([9, 10, 10], 10, 2)
    [1, 2]
    >>> bucket_counts([3], 1, 4)
    [0, 0, 0, 1]
    """
    counts = [0] * buckets
    for value in values:
        if 0 <= value < width * buckets:
            counts[value // width] += 1
    return counts
