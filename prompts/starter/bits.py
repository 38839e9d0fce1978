"""Binary numbers and single bits."""


# level 1
def power_of_two(exponent: int) -> int:
    """Return 2 raised to the given exponent, which is not negative.

    >>> power_of_two(3)
    8
    >>> power_of_two(0)
    1
    >>> power_of_two(1)
    2
    >>> power_of_two(10)
    1024
    >>> power_of_two(16)
    65536
    """
    return 1 << exponent


# level 2
def is_bit_set(number: int, position: int) -> bool:
    """Return whether the binary digit of a non-negative number at the given position is 1. Position 0 is the last
    digit, the one with the value 1.

    >>> is_bit_set(5, 0)
    True
    >>> is_bit_set(5, 1)
    False
    >>> is_bit_set(5, 2)
    True
    >>> is_bit_set(0, 4)
    False
    >>> is_bit_set(8, 3)
    True
    >>> is_bit_set(8, 10)
    False
    """
    return number >> position & 1 == 1


# level 2
def trailing_zero_bits(number: int) -> int:
    """Return how many times the positive number can be divided by 2 without a remainder.

    >>> trailing_zero_bits(12)
    2
    >>> trailing_zero_bits(7)
    0
    >>> trailing_zero_bits(1)
    0
    >>> trailing_zero_bits(64)
    6
    >>> trailing_zero_bits(40)
    3
    """
    count = 0
    while number % 2 == 0:
        number //= 2
        count += 1
    return count


# level 2
def bits_needed(number: int) -> int:
    """Return how many binary digits are needed to write the non-negative number. The number 0 needs one digit.

    >>> bits_needed(5)
    3
    >>> bits_needed(0)
    1
    >>> bits_needed(1)
    1
    >>> bits_needed(255)
    8
    >>> bits_needed(256)
    9
    """
    return max(number.bit_length(), 1)


# level 3
def read_flags(flags: int, names: list[str]) -> list[str]:
    """Return the names whose bit is set in flags. The first name belongs to the lowest bit, the second to the next,
    and so on.

    >>> read_flags(5, ["read", "write", "run"])
    ['read', 'run']
    >>> read_flags(0, ["read", "write"])
    []
    >>> read_flags(3, ["bold", "wide"])
    ['bold', 'wide']
    >>> read_flags(8, ["x", "y", "z"])
    []
    >>> read_flags(2, ["off", "on"])
    ['on']
    """
    return [name for position, name in enumerate(names) if flags & (1 << position)]


# level 3
def unpaired_number(numbers: list[int]) -> int:
    """Return the only number that occurs once in a list in which every other number occurs exactly twice.

    >>> unpaired_number([4, 7, 4])
    7
    >>> unpaired_number([9])
    9
    >>> unpaired_number([0, 6, 5, 5, 6])
    0
    >>> unpaired_number([-3, 8, 8])
    -3
    >>> unpaired_number([12, 30, 12, 31, 30])
    31
    """
    result = 0
    for number in numbers:
        result ^= number
    return result


# level 4
def gray_code(index: int, bits: int) -> str:
    """Return the Gray code of the index as a binary string of the given length, padded with zeros in front. The Gray
    code is the index XOR half the index, rounded down, so that the codes of neighbors differ in one digit.

    >>> gray_code(0, 3)
    '000'
    >>> gray_code(2, 2)
    '11'
    >>> gray_code(3, 2)
    '10'
    >>> gray_code(4, 3)
    '110'
    >>> gray_code(5, 3)
    '111'
    >>> gray_code(9, 6)
    '001101'
    """
    return format(index ^ index >> 1, f"0{bits}b")
