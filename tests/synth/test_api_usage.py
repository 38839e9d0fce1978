"""Functions out of the examples in an API's documentation."""

from __future__ import annotations

import pytest

from synth.api_usage import Usage, usage_of

CHUNKED = "(iterable, n, strict=False)"


def use(doc: str, signature: str = CHUNKED, name: str = "more_itertools.chunked") -> Usage | None:
    return usage_of(name, signature, doc, {"take": "more_itertools.take"})


def test_plain_values_become_parameters_and_what_is_shown_a_test() -> None:
    assert use(">>> list(chunked([1, 2, 3], 2))\n[[1, 2], [3]]\n") == Usage(
        entry_point="apply_chunked",
        signature="def apply_chunked(iterable, n)",
        code=(
            "from more_itertools import chunked\n\n\n"
            "def apply_chunked(iterable, n):\n    return list(chunked(iterable, n))\n"
        ),
        examples=use(">>> list(chunked([1, 2, 3], 2))\n[[1, 2], [3]]\n").examples,  # type: ignore[union-attr]
        tests=("assert apply_chunked([1, 2, 3], 2) == [[1, 2], [3]]",),
    )


def test_the_form_with_most_examples_is_taken() -> None:
    found = use(
        ">>> list(chunked('abc', 2, strict=True))\nTraceback (most recent call last):\nValueError: no\n"
        ">>> len(list(chunked('abc', 2)))\n2\n"
        ">>> list(chunked('ab', 1))\n['a', 'b']\n>>> list(chunked('', 1))\n[]\n"
    )
    assert found is not None
    assert found.tests == ("assert apply_chunked('ab', 1) == ['a', 'b']", "assert apply_chunked('', 1) == []")


def test_values_named_before_are_put_in_place() -> None:
    found = use(">>> data = [1, 2, 3]\n>>> list(chunked(data, 2))\n[[1, 2], [3]]\n")
    assert found is not None
    assert found.tests == ("assert apply_chunked([1, 2, 3], 2) == [[1, 2], [3]]",)


def test_arrays_are_handed_in_and_given_back_as_lists() -> None:
    doc = ">>> a = np.array([[1, 2], [3, 4]])\n>>> np.cumsum(a)\narray([ 1,  3,  6, 10])\n"
    found = use(doc, "(a, axis=None)", "numpy.cumsum")
    assert found is not None
    assert "return np.cumsum(np.array(a)).tolist()" in found.code
    assert found.tests == ("assert apply_cumsum([[1, 2], [3, 4]]) == [1, 3, 6, 10]",)


def test_a_graph_is_built_from_its_edges() -> None:
    doc = ">>> G = nx.Graph([(0, 1), (1, 2)])\n>>> nx.has_path(G, 0, 2)\nTrue\n"
    found = use(doc, "(G, source, target)", "networkx.has_path")
    assert found is not None
    assert found.signature == "def apply_has_path(edges, source, target)"
    assert found.tests == ("assert apply_has_path([(0, 1), (1, 2)], 0, 2) is True",)


def test_two_graphs_have_parameters_of_their_own() -> None:
    doc = ">>> f(nx.Graph([(0, 1)]), nx.Graph([(1, 2)]), nx.Graph([(2, 3)]))\n1\n"
    found = use(doc, "(G, H, I)", "networkx.f")
    assert found is not None
    assert "return f(nx.Graph(edges), nx.Graph(edges2), nx.Graph([(2, 3)]))" in found.code


def test_a_number_is_pythons_own_whoever_shows_it() -> None:
    for shown in ("np.int64(6)", "6"):
        found = use(f">>> np.sum([1, 5])\n{shown}\n", "(a, axis=None)", "numpy.sum")
        assert found is not None
        assert "return np.asarray(np.sum(a)).tolist()" in found.code
        assert found.tests == ("assert apply_sum([1, 5]) == 6",)


def test_what_is_printed_is_returned() -> None:
    found = use(">>> print(list(chunked([1, 2], 1)))\n[[1], [2]]\n")
    assert found is not None
    assert "    return list(chunked(iterable, n))" in found.code


def test_a_test_imports_the_types_that_are_shown() -> None:
    found = use(">>> chunked([1, 1], 1)\nCounter({1: 2})\n")
    assert found is not None
    assert found.tests == ("from collections import Counter\nassert apply_chunked([1, 1], 1) == Counter({1: 2})",)


@pytest.mark.parametrize(
    "doc",
    [
        "Breaks into lists.",
        ">>> print(*chunked([1], 1))\n[1]\n",
        ">>> nonlocal x\n>>> await chunked([1], 1)\n[1]\n",
        ">>> chunked([1, 2], 1)\n<generator object chunked at 0x7f00>\n",
        ">>> list(take(2, [1, 2, 3]))\n[1, 2]\n",
        ">>> list(chunked(things, 1))\n[[1], [2]]\n",
        ">>> it = iter([1, 2])\n>>> list(chunked(it, 1))\n[[1], [2]]\n",
        ">>> from elsewhere import x\n>>> list(chunked(x, 1))\n[[1], [2]]\n",
        ">>> data = [1]\n>>> data.append(2)\n>>> list(chunked(data, 1))\n[[1], [2]]\n",
        ">>> list(chunked(range(2), n=1))\n",
        ">>> chunked = list\n>>> chunked([1], 1)\n[1]\n",
        ">>> print(list(chunked([1], 1)))  # doctest: +SKIP\n[[1]]\n",
        ">>> list(chunked([0.1], 1))\n[[0.12345678]]\n",
        ">>> list(chunked([1], 1)\n[[1]]\n",
        ">>> list(chunked([1], 1))\n  bad indent\n>>>x\n",
    ],
)
def test_examples_that_show_no_plain_values_make_no_function(doc: str) -> None:
    assert use(doc) is None


def test_a_parameter_does_not_hide_what_the_expression_reads() -> None:
    found = use(">>> list(f([1, 2], 1))\n[1]\n", "(list, f)", "kit.f")
    assert found is not None
    assert found.signature == "def apply_f(list_, f_)"
    assert "return list(f(list_, f_))" in found.code
