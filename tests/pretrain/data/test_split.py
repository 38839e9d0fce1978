"""Held out by package."""

from __future__ import annotations

import pytest

from pretrain.data.split import held_out_repos
from pretrain.errors import SourceError

REPOS = [f"package{number}==1.0" for number in range(1000)]


def test_the_share_is_about_what_was_asked_for() -> None:
    assert 5 <= len(held_out_repos(REPOS, 0.02)) <= 40


def test_a_longer_list_moves_no_package_to_the_other_side() -> None:
    assert held_out_repos(REPOS[:500], 0.1) == held_out_repos(REPOS, 0.1) & set(REPOS[:500])


def test_the_version_does_not_matter() -> None:
    newer = [repo.replace("==1.0", "==2.0") for repo in REPOS]
    held_out = {repo.replace("==2.0", "==1.0") for repo in held_out_repos(newer, 0.1)}
    assert held_out == held_out_repos(REPOS, 0.1)


@pytest.mark.parametrize("share", [0.001, 0.5])
def test_two_packages_stand_on_one_side_each(share: float) -> None:
    assert len(held_out_repos(["a==1", "b==1"], share)) == 1


def test_one_package_cannot_be_split() -> None:
    with pytest.raises(SourceError, match="needs two packages"):
        held_out_repos(["a==1"], 0.02)
    assert held_out_repos(["a==1"], 0) == set()
