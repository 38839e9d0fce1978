"""Converting between units of measurement."""


# level 1
def meters_to_centimeters(meters: int) -> int:
    """Return the length in centimeters. One meter has 100 centimeters.

    >>> meters_to_centimeters(2)
    200
    >>> meters_to_centimeters(0)
    0
    >>> meters_to_centimeters(15)
    1500
    >>> meters_to_centimeters(1)
    100
    >>> meters_to_centimeters(300)
    30000
    """
    centimeters_per_meter = 100
    return meters * centimeters_per_meter


# level 2
def eggs_in_cartons(cartons: int, loose: int) -> int:
    """Return the total number of eggs in the given number of cartons of 12 eggs each, plus the loose eggs.

    >>> eggs_in_cartons(2, 5)
    29
    >>> eggs_in_cartons(0, 3)
    3
    >>> eggs_in_cartons(1, 0)
    12
    >>> eggs_in_cartons(10, 11)
    131
    >>> eggs_in_cartons(0, 0)
    0
    """
    return cartons * 12 + loose


# level 2
def feet_and_inches(inches: int) -> str:
    """Return the length in feet and inches as text of the form "5 ft 3 in". One foot has 12 inches.

    >>> feet_and_inches(63)
    '5 ft 3 in'
    >>> feet_and_inches(12)
    '1 ft 0 in'
    >>> feet_and_inches(11)
    '0 ft 11 in'
    >>> feet_and_inches(0)
    '0 ft 0 in'
    >>> feet_and_inches(100)
    '8 ft 4 in'
    """
    return f"{inches // 12} ft {inches % 12} in"


# level 2
def buses_needed(passengers: int, seats: int) -> int:
    """Return the smallest number of buses with the given number of seats that carries all passengers.

    >>> buses_needed(100, 40)
    3
    >>> buses_needed(80, 40)
    2
    >>> buses_needed(1, 50)
    1
    >>> buses_needed(0, 30)
    0
    >>> buses_needed(61, 20)
    4
    """
    return -(-passengers // seats)


# level 2
def celsius_to_fahrenheit(celsius: int) -> float:
    """Return the temperature in degrees Fahrenheit, which is the temperature in degrees Celsius times 9, divided by 5,
    plus 32.

    >>> celsius_to_fahrenheit(100)
    212.0
    >>> celsius_to_fahrenheit(0)
    32.0
    >>> celsius_to_fahrenheit(-40)
    -40.0
    >>> celsius_to_fahrenheit(20)
    68.0
    >>> celsius_to_fahrenheit(-5)
    23.0
    """
    return celsius * 9 / 5 + 32


# level 3
def readable_duration(seconds: int) -> str:
    """Return the duration as hours, minutes and seconds in the form "1h 2m 3s", leaving out every part that is zero. A
    duration of 0 seconds is "0s".

    >>> readable_duration(3723)
    '1h 2m 3s'
    >>> readable_duration(60)
    '1m'
    >>> readable_duration(0)
    '0s'
    >>> readable_duration(3605)
    '1h 5s'
    >>> readable_duration(59)
    '59s'
    >>> readable_duration(7200)
    '2h'
    """
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{amount}{unit}" for amount, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if amount]
    return " ".join(parts) or "0s"


# level 3
def readable_size(num_bytes: int) -> str:
    """Return the size with the largest unit of which there is at least one whole, rounded down to a whole number, such
    as "3 KB". The units are B, KB, MB and GB, each 1000 times the one before. 0 bytes are "0 B".

    >>> readable_size(999)
    '999 B'
    >>> readable_size(1000)
    '1 KB'
    >>> readable_size(2999999)
    '2 MB'
    >>> readable_size(0)
    '0 B'
    >>> readable_size(7000000000)
    '7 GB'
    >>> readable_size(4000000000000)
    '4000 GB'
    """
    units = ["B", "KB", "MB", "GB"]
    while num_bytes >= 1000 and len(units) > 1:
        num_bytes //= 1000
        units.pop(0)
    return f"{num_bytes} {units[0]}"


# level 4
def convert_length(amount: int, source: str, target: str) -> int:
    """Return the length converted from the source unit to the target unit, rounded down to a whole number. The units
    are "mm", "cm", "m" and "km": 10 mm are 1 cm, 100 cm are 1 m, and 1000 m are 1 km.

    >>> convert_length(5, "m", "cm")
    500
    >>> convert_length(1999, "m", "km")
    1
    >>> convert_length(3, "km", "mm")
    3000000
    >>> convert_length(45, "mm", "cm")
    4
    >>> convert_length(7, "cm", "cm")
    7
    >>> convert_length(99, "cm", "m")
    0
    """
    millimeters = {"mm": 1, "cm": 10, "m": 1000, "km": 1000000}
    return amount * millimeters[source] // millimeters[target]
