"""Grids of numbers: rows, columns, diagonals."""


# level 1
def row_sums(grid: list[list[int]]) -> list[int]:
    """Return a list with the sum of each row of the grid.

    >>> row_sums([[1, 4], [6, 9]])
    [5, 15]
    >>> row_sums([])
    []
    >>> row_sums([[5]])
    [5]
    >>> row_sums([[], [2]])
    [0, 2]
    >>> row_sums([[-3, 3], [10, 0], [7, 7]])
    [0, 10, 14]
    """
    return [sum(row) for row in grid]


# level 2
def zero_grid(height: int, width: int) -> list[list[int]]:
    """Return a grid of zeros as a list of height rows, each of which is a list of width zeros.

    >>> zero_grid(2, 1)
    [[0], [0]]
    >>> zero_grid(1, 1)
    [[0]]
    >>> zero_grid(0, 4)
    []
    >>> zero_grid(2, 0)
    [[], []]
    >>> zero_grid(1, 3)
    [[0, 0, 0]]
    """
    return [[0] * width for _ in range(height)]


# level 2
def number_of_cells(grid: list[list[int]]) -> int:
    """Return the total number of items in all rows of the grid. The rows may have different lengths.

    >>> number_of_cells([[6, 2], [2, 6]])
    4
    >>> number_of_cells([])
    0
    >>> number_of_cells([[]])
    0
    >>> number_of_cells([[7, 8, 9], [4]])
    4
    >>> number_of_cells([[0], [], [0, 0]])
    3
    """
    return sum(len(row) for row in grid)


# level 2
def column_of(grid: list[list[int]], index: int) -> list[int]:
    """Return the items of one column from top to bottom, where index 0 is the leftmost column.

    >>> column_of([[1, 5], [8, 2]], 0)
    [1, 8]
    >>> column_of([[1, 5], [8, 2]], 1)
    [5, 2]
    >>> column_of([], 0)
    []
    >>> column_of([[4, 6, 7]], 2)
    [7]
    >>> column_of([[3], [3], [9]], 0)
    [3, 3, 9]
    """
    return [row[index] for row in grid]


# level 2
def transpose(grid: list[list[int]]) -> list[list[int]]:
    """Return the grid with rows and columns exchanged: its first row becomes the first column, and so on. All rows are
    equally long.

    >>> transpose([[1, 5], [8, 2]])
    [[1, 8], [5, 2]]
    >>> transpose([[4, 6, 7]])
    [[4], [6], [7]]
    >>> transpose([])
    []
    >>> transpose([[9], [0]])
    [[9, 0]]
    >>> transpose([[3]])
    [[3]]
    """
    return [list(column) for column in zip(*grid, strict=True)]


# level 2
def diagonal_sum(square: list[list[int]]) -> int:
    """Return the sum of the numbers on the diagonal from the top left to the bottom right of a square grid.

    >>> diagonal_sum([[1, 5], [8, 2]])
    3
    >>> diagonal_sum([[7]])
    7
    >>> diagonal_sum([])
    0
    >>> diagonal_sum([[4, 0, 0], [0, -4, 0], [0, 0, 6]])
    6
    >>> diagonal_sum([[0, 9], [9, 0]])
    0
    """
    return sum(square[index][index] for index in range(len(square)))


# level 2
def mirror_rows(picture: list[str]) -> list[str]:
    """Return the picture, a list of equally long strings, mirrored from left to right.

    >>> mirror_rows(["#..", "##."])
    ['..#', '.##']
    >>> mirror_rows(["abc"])
    ['cba']
    >>> mirror_rows([])
    []
    >>> mirror_rows(["o", "x"])
    ['o', 'x']
    >>> mirror_rows(["<-", "->"])
    ['-<', '>-']
    """
    return [row[::-1] for row in picture]


# level 3
def add_grids(first: list[list[int]], second: list[list[int]]) -> list[list[int]]:
    """Return the grid in which every number is the sum of the two numbers at the same place in the two grids. Both
    grids have the same shape.

    >>> add_grids([[1, 5], [8, 2]], [[10, 10], [20, 20]])
    [[11, 15], [28, 22]]
    >>> add_grids([], [])
    []
    >>> add_grids([[3]], [[-3]])
    [[0]]
    >>> add_grids([[0, 1, 0]], [[6, 0, 6]])
    [[6, 1, 6]]
    >>> add_grids([[9], [4]], [[1], [1]])
    [[10], [5]]
    """
    return [
        [left + right for left, right in zip(top, bottom, strict=True)]
        for top, bottom in zip(first, second, strict=True)
    ]


# level 3
def rotate_clockwise(grid: list[list[int]]) -> list[list[int]]:
    """Return the grid turned by a quarter clockwise, so that its left column becomes the top row, read from bottom to
    top. All rows are equally long.

    >>> rotate_clockwise([[1, 5], [8, 2]])
    [[8, 1], [2, 5]]
    >>> rotate_clockwise([[4, 6, 7]])
    [[4], [6], [7]]
    >>> rotate_clockwise([[3], [9]])
    [[9, 3]]
    >>> rotate_clockwise([])
    []
    >>> rotate_clockwise([[0]])
    [[0]]
    """
    return [list(row) for row in zip(*reversed(grid), strict=True)]


# level 4
def count_live_neighbors(board: list[str]) -> list[list[int]]:
    """Return a grid of the same shape as the board that tells for each cell how many of its up to eight neighbors,
    diagonals included, are "#". The board is a list of equally long strings.

    >>> count_live_neighbors(["#.", ".."])
    [[0, 1], [1, 1]]
    >>> count_live_neighbors(["#"])
    [[0]]
    >>> count_live_neighbors([])
    []
    >>> count_live_neighbors(["###"])
    [[1, 2, 1]]
    >>> count_live_neighbors(["##", "##"])
    [[3, 3], [3, 3]]
    >>> count_live_neighbors(["#.#", "...", "#.#"])
    [[0, 2, 0], [2, 4, 2], [0, 2, 0]]
    """
    counts = [[0] * len(row) for row in board]
    for y, row in enumerate(board):
        for x, cell in enumerate(row):
            if cell != "#":
                continue
            for near_y in range(max(y - 1, 0), min(y + 2, len(board))):
                for near_x in range(max(x - 1, 0), min(x + 2, len(row))):
                    counts[near_y][near_x] += (near_y, near_x) != (y, x)
    return counts


# level 4
def spiral_order(grid: list[list[int]]) -> list[int]:
    """Return all numbers of the grid in spiral order: along the top row to the right, down the right column, back
    along the bottom row, up the left column, and so on inward. All rows are equally long.

    >>> spiral_order([[1, 5], [8, 2]])
    [1, 5, 2, 8]
    >>> spiral_order([[4, 6, 7]])
    [4, 6, 7]
    >>> spiral_order([])
    []
    >>> spiral_order([[3], [9], [0]])
    [3, 9, 0]
    >>> spiral_order([[5, 0, 9], [2, 7, 1], [4, 8, 3]])
    [5, 0, 9, 1, 3, 8, 4, 2, 7]
    """
    order: list[int] = []
    rest = [list(row) for row in grid]
    while rest:
        order.extend(rest.pop(0))
        rest = [list(column) for column in zip(*rest, strict=True)][::-1]
    return order
