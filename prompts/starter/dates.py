"""Dates, clock times and calendars."""


# level 1
def hours_to_minutes(hours: int) -> int:
    """Return the number of minutes in the given number of hours.

    >>> hours_to_minutes(2)
    120
    >>> hours_to_minutes(0)
    0
    >>> hours_to_minutes(24)
    1440
    >>> hours_to_minutes(1)
    60
    >>> hours_to_minutes(100)
    6000
    """
    return hours * 60


# level 1
def is_weekend(day: str) -> bool:
    """Return whether the day is "Saturday" or "Sunday".

    >>> is_weekend("Saturday")
    True
    >>> is_weekend("Sunday")
    True
    >>> is_weekend("Monday")
    False
    >>> is_weekend("Friday")
    False
    >>> is_weekend("")
    False
    """
    return day in ("Saturday", "Sunday")


# level 2
def full_weeks(days: int) -> int:
    """Return the number of full weeks of 7 days in the given number of days.

    >>> full_weeks(15)
    2
    >>> full_weeks(7)
    1
    >>> full_weeks(6)
    0
    >>> full_weeks(0)
    0
    >>> full_weeks(365)
    52
    """
    return days // 7


# level 2
def is_leap_year(year: int) -> bool:
    """Return whether the year is a leap year: divisible by 4, but not by 100 unless it is also divisible by 400.

    >>> is_leap_year(2024)
    True
    >>> is_leap_year(2023)
    False
    >>> is_leap_year(1900)
    False
    >>> is_leap_year(2000)
    True
    >>> is_leap_year(1996)
    True
    >>> is_leap_year(2100)
    False
    """
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


# level 2
def clock_after(hour: int, added: int) -> int:
    """Return the hour from 0 to 23 that a 24-hour clock shows when the given number of hours has been added to hour. A
    negative number goes back in time.

    >>> clock_after(22, 5)
    3
    >>> clock_after(9, 3)
    12
    >>> clock_after(0, 24)
    0
    >>> clock_after(1, -2)
    23
    >>> clock_after(12, 49)
    13
    """
    return (hour + added) % 24


# level 2
def weekday_after(start: str, days: int) -> str:
    """Return the weekday that comes the given number of days after start. Weekdays are written "Mon", "Tue", "Wed",
    "Thu", "Fri", "Sat" and "Sun".

    >>> weekday_after("Mon", 2)
    'Wed'
    >>> weekday_after("Tue", 2)
    'Thu'
    >>> weekday_after("Sat", 1)
    'Sun'
    >>> weekday_after("Sun", 1)
    'Mon'
    >>> weekday_after("Fri", 0)
    'Fri'
    >>> weekday_after("Tue", 700)
    'Tue'
    """
    week = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    return week[(week.index(start) + days) % 7]


# level 2
def minutes_to_clock(minutes: int) -> str:
    """Return the number of minutes since midnight as a clock time "HH:MM" with two digits each. The number is from 0
    to 1439.

    >>> minutes_to_clock(75)
    '01:15'
    >>> minutes_to_clock(0)
    '00:00'
    >>> minutes_to_clock(59)
    '00:59'
    >>> minutes_to_clock(720)
    '12:00'
    >>> minutes_to_clock(1439)
    '23:59'
    """
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


# level 3
def days_in_month(year: int, month: int) -> int:
    """Return the number of days in the month, from 1 for January to 12 for December, of the given year.

    >>> days_in_month(2023, 1)
    31
    >>> days_in_month(2023, 2)
    28
    >>> days_in_month(2024, 2)
    29
    >>> days_in_month(2021, 4)
    30
    >>> days_in_month(1900, 2)
    28
    >>> days_in_month(2000, 12)
    31
    """
    from calendar import monthrange

    return monthrange(year, month)[1]


# level 3
def to_twelve_hour_clock(time: str) -> str:
    """Return a 24-hour time "HH:MM" as a 12-hour time that ends in " am" or " pm". The hour has no leading zero,
    midnight is "12:00 am" and noon is "12:00 pm".

    >>> to_twelve_hour_clock("09:05")
    '9:05 am'
    >>> to_twelve_hour_clock("13:30")
    '1:30 pm'
    >>> to_twelve_hour_clock("00:00")
    '12:00 am'
    >>> to_twelve_hour_clock("12:00")
    '12:00 pm'
    >>> to_twelve_hour_clock("23:59")
    '11:59 pm'
    >>> to_twelve_hour_clock("11:15")
    '11:15 am'
    """
    hour, minute = time.split(":")
    half = "am" if int(hour) < 12 else "pm"
    return f"{int(hour) % 12 or 12}:{minute} {half}"


# level 3
def days_between_dates(first: str, second: str) -> int:
    """Return the number of days from the first date to the second, both written "YYYY-MM-DD". The result is negative
    if the second date is earlier.

    >>> days_between_dates("2024-02-28", "2024-03-01")
    2
    >>> days_between_dates("2023-02-28", "2023-03-01")
    1
    >>> days_between_dates("2020-05-05", "2020-05-05")
    0
    >>> days_between_dates("2022-01-10", "2021-12-31")
    -10
    >>> days_between_dates("2000-01-01", "2001-01-01")
    366
    """
    from datetime import date

    return (date.fromisoformat(second) - date.fromisoformat(first)).days
