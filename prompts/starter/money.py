"""Prices, change and discounts in whole cents or dollars."""


# level 1
def dollars_to_cents(dollars: int) -> int:
    """Return the number of cents in the given number of dollars. One dollar is 100 cents.

    >>> dollars_to_cents(3)
    300
    >>> dollars_to_cents(0)
    0
    >>> dollars_to_cents(25)
    2500
    >>> dollars_to_cents(-2)
    -200
    >>> dollars_to_cents(1000)
    100000
    """
    return dollars * 100


# level 1
def change_due(paid: int, price: int) -> int:
    """Return how much money the customer gets back. The amount paid is never less than the price.

    >>> change_due(20, 13)
    7
    >>> change_due(5, 5)
    0
    >>> change_due(100, 1)
    99
    >>> change_due(50, 48)
    2
    >>> change_due(7, 0)
    7
    """
    return paid - price


# level 2
def can_afford(money: int, prices: list[int]) -> bool:
    """Return whether the money is enough to buy everything, that is, at least the sum of the prices.

    >>> can_afford(10, [4, 5])
    True
    >>> can_afford(9, [4, 5])
    True
    >>> can_afford(8, [4, 5])
    False
    >>> can_afford(0, [])
    True
    >>> can_afford(3, [7])
    False
    """
    return money >= sum(prices)


# level 2
def price_with_discount(price: int, percent: int) -> int:
    """Return the price in cents after subtracting a discount of the given percent. The discount is rounded down to
    whole cents.

    >>> price_with_discount(1000, 15)
    850
    >>> price_with_discount(999, 10)
    900
    >>> price_with_discount(250, 0)
    250
    >>> price_with_discount(80, 100)
    0
    >>> price_with_discount(7, 50)
    4
    """
    return price - price * percent // 100


# level 2
def format_cents(cents: int) -> str:
    """Return a non-negative amount of cents as dollars with a dollar sign and always two decimals.

    >>> format_cents(1234)
    '$12.34'
    >>> format_cents(5)
    '$0.05'
    >>> format_cents(0)
    '$0.00'
    >>> format_cents(250)
    '$2.50'
    >>> format_cents(100000)
    '$1000.00'
    """
    return f"${cents // 100}.{cents % 100:02d}"


# level 2
def cheapest_item(prices: dict[str, int]) -> str:
    """Return the name of the item with the lowest price. Of several equally cheap items the first in the dictionary
    counts, and an empty dictionary gives "nothing".

    >>> cheapest_item({"lamp": 30, "mug": 4})
    'mug'
    >>> cheapest_item({"a": 2, "b": 2})
    'a'
    >>> cheapest_item({})
    'nothing'
    >>> cheapest_item({"free": 0, "gift": 1})
    'free'
    >>> cheapest_item({"sofa": 400, "bed": 399, "desk": 500})
    'bed'
    """
    return min(prices, key=lambda name: prices[name], default="nothing")


# level 3
def share_bill(total: int, people: int) -> list[int]:
    """Return what each person pays when a total in cents is shared as equally as possible. The shares differ by at
    most one cent, and the larger shares come first.

    >>> share_bill(1000, 3)
    [334, 333, 333]
    >>> share_bill(90, 2)
    [45, 45]
    >>> share_bill(0, 2)
    [0, 0]
    >>> share_bill(3, 4)
    [1, 1, 1, 0]
    >>> share_bill(55, 1)
    [55]
    """
    share, extra = divmod(total, people)
    return [share + 1] * extra + [share] * (people - extra)


# level 3
def coins_for_amount(amount: int) -> list[int]:
    """Return the coins that make up the amount, largest first, always taking the largest coin that still fits. The
    coins are worth 50, 20, 10, 5, 2 and 1.

    >>> coins_for_amount(88)
    [50, 20, 10, 5, 2, 1]
    >>> coins_for_amount(0)
    []
    >>> coins_for_amount(50)
    [50]
    >>> coins_for_amount(4)
    [2, 2]
    >>> coins_for_amount(136)
    [50, 50, 20, 10, 5, 1]
    """
    coins: list[int] = []
    for coin in (50, 20, 10, 5, 2, 1):
        count, amount = divmod(amount, coin)
        coins += [coin] * count
    return coins


# level 3
def settle_debts(payments: dict[str, int]) -> dict[str, int]:
    """Return for each person, in alphabetical order, how much they must still pay (positive) or get back (negative) so
    that all have paid the same. The total of the payments divides evenly among the people.

    >>> settle_debts({"Bo": 30, "Al": 10})
    {'Al': 10, 'Bo': -10}
    >>> settle_debts({"Cy": 12, "Al": 0, "Bo": 0})
    {'Al': 4, 'Bo': 4, 'Cy': -8}
    >>> settle_debts({})
    {}
    >>> settle_debts({"Dee": 9})
    {'Dee': 0}
    >>> settle_debts({"x": 5, "y": 5})
    {'x': 0, 'y': 0}
    """
    if not payments:
        return {}
    share = sum(payments.values()) // len(payments)
    return {person: share - payments[person] for person in sorted(payments)}
