"""Networks of friends, roads and dependencies."""


# level 2
def number_of_friends(friendships: list[tuple[str, str]], person: str) -> int:
    """Return how many of the friendships, each a pair of two names, include the person.

    >>> number_of_friends([("Al", "Bo"), ("Bo", "Cy")], "Bo")
    2
    >>> number_of_friends([("Al", "Bo"), ("Bo", "Cy")], "Cy")
    1
    >>> number_of_friends([], "Al")
    0
    >>> number_of_friends([("Al", "Bo")], "Di")
    0
    >>> number_of_friends([("x", "y"), ("z", "x"), ("x", "w")], "x")
    3
    """
    return sum(person in pair for pair in friendships)


# level 2
def follow_signs(signs: dict[str, str], start: str) -> list[str]:
    """Return the places visited when going from start to where its sign points, from there on to the next, and so on
    until a place has no sign. The signs never lead in a circle.

    >>> follow_signs({"home": "lake", "lake": "hill"}, "home")
    ['home', 'lake', 'hill']
    >>> follow_signs({"home": "lake", "lake": "hill"}, "lake")
    ['lake', 'hill']
    >>> follow_signs({}, "cave")
    ['cave']
    >>> follow_signs({"a": "b"}, "c")
    ['c']
    >>> follow_signs({"3": "2", "2": "1", "1": "0"}, "3")
    ['3', '2', '1', '0']
    """
    path = [start]
    while path[-1] in signs:
        path.append(signs[path[-1]])
    return path


# level 3
def neighbors_of_each(roads: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Return a dictionary from each town to the sorted list of towns that a road connects it with. A road leads both
    ways and no road is listed twice.

    >>> neighbors_of_each([("Rome", "Pisa"), ("Bari", "Rome")])
    {'Rome': ['Bari', 'Pisa'], 'Pisa': ['Rome'], 'Bari': ['Rome']}
    >>> neighbors_of_each([])
    {}
    >>> neighbors_of_each([("x", "y")])
    {'x': ['y'], 'y': ['x']}
    >>> neighbors_of_each([("q", "p"), ("q", "o")])
    {'q': ['o', 'p'], 'p': ['q'], 'o': ['q']}
    >>> neighbors_of_each([("k", "m"), ("m", "n"), ("n", "k")])
    {'k': ['m', 'n'], 'm': ['k', 'n'], 'n': ['k', 'm']}
    """
    neighbors: dict[str, list[str]] = {}
    for one, other in roads:
        neighbors.setdefault(one, []).append(other)
        neighbors.setdefault(other, []).append(one)
    return {town: sorted(near) for town, near in neighbors.items()}


# level 3
def generations_to_ancestor(parents: dict[str, str], person: str, ancestor: str) -> int:
    """Return how many steps lead from the person to the ancestor when each step goes to the parent named in the
    dictionary: 0 for the person itself, 1 for the parent, and -1 if the ancestor is never reached.

    >>> generations_to_ancestor({"Cy": "Bo", "Bo": "Al"}, "Cy", "Al")
    2
    >>> generations_to_ancestor({"Cy": "Bo", "Bo": "Al"}, "Cy", "Bo")
    1
    >>> generations_to_ancestor({}, "Al", "Al")
    0
    >>> generations_to_ancestor({"Bo": "Al"}, "Al", "Bo")
    -1
    >>> generations_to_ancestor({"d": "c", "c": "b", "b": "a"}, "d", "a")
    3
    """
    steps = 0
    while person != ancestor:
        if person not in parents:
            return -1
        person = parents[person]
        steps += 1
    return steps


# level 4
def reachable_towns(roads: dict[str, list[str]], start: str) -> list[str]:
    """Return all towns that can be reached from start along the one-way roads, start included, in alphabetical order.
    The dictionary tells where the roads of each town lead, and towns without roads may be missing from it.

    >>> reachable_towns({"Oslo": ["Bonn"], "Bonn": ["Lyon"], "Kiel": ["Oslo"]}, "Oslo")
    ['Bonn', 'Lyon', 'Oslo']
    >>> reachable_towns({"A": ["B"], "B": ["A"]}, "B")
    ['A', 'B']
    >>> reachable_towns({}, "X")
    ['X']
    >>> reachable_towns({"Kyiv": ["Riga"], "Bern": ["Kyiv"]}, "Bern")
    ['Bern', 'Kyiv', 'Riga']
    >>> reachable_towns({"p": ["r", "q"], "r": ["p"]}, "q")
    ['q']
    """
    seen = {start}
    pending = [start]
    while pending:
        for town in roads.get(pending.pop(), []):
            if town not in seen:
                seen.add(town)
                pending.append(town)
    return sorted(seen)


# level 5
def fewest_roads(roads: list[tuple[str, str]], start: str, goal: str) -> int:
    """Return the smallest number of roads on a way from start to goal, or -1 if there is no way. Every road connects
    two towns and can be used in both directions, and from a town to itself 0 roads are needed.

    >>> fewest_roads([("Ulm", "Bonn"), ("Bonn", "Kiel"), ("Ulm", "Kiel")], "Ulm", "Kiel")
    1
    >>> fewest_roads([("A", "B"), ("C", "B")], "A", "C")
    2
    >>> fewest_roads([("A", "B")], "A", "X")
    -1
    >>> fewest_roads([], "T", "T")
    0
    >>> fewest_roads([("p", "q"), ("q", "r"), ("r", "s"), ("t", "s")], "p", "t")
    4
    """
    reached = {start}
    distance = 0
    while goal not in reached:
        step = {end for road in roads if not reached.isdisjoint(road) for end in road} - reached
        if not step:
            return -1
        reached |= step
        distance += 1
    return distance


# level 5
def order_of_tasks(needs: dict[str, list[str]]) -> list[str]:
    """Return an order of all tasks in which each task comes after the tasks it needs. Whenever several tasks could
    come next, the alphabetically first one does. Every task is a key, and if there is no such order, return an empty
    list.

    >>> order_of_tasks({"bake": ["mix"], "mix": [], "eat": ["bake"]})
    ['mix', 'bake', 'eat']
    >>> order_of_tasks({"b": [], "a": []})
    ['a', 'b']
    >>> order_of_tasks({})
    []
    >>> order_of_tasks({"x": ["y"], "y": ["x"]})
    []
    >>> order_of_tasks({"iron": ["wash"], "read": [], "wash": []})
    ['read', 'wash', 'iron']
    """
    order: list[str] = []
    while len(order) < len(needs):
        ready = [task for task in needs if task not in order and set(needs[task]) <= set(order)]
        if not ready:
            return []
        order.append(min(ready))
    return order
