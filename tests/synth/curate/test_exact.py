from synth.curate.exact import find_exact_duplicates


def test_the_first_of_equals_survives() -> None:
    assert find_exact_duplicates(["a", "b", "a", "", "b", "a", ""]) == [None, None, 0, None, 1, 0, 3]


def test_nothing_is_normalised() -> None:
    assert find_exact_duplicates(["a", "A", "a ", "á", "a\u0301"]) == [None] * 5


def test_lone_surrogates_are_texts_too() -> None:
    assert find_exact_duplicates(["\ud800", "\ud801", "\ud800"]) == [None, None, 0]
