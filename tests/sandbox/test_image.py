"""Names of images, and what is said when one cannot be made."""

from __future__ import annotations

import pytest

from sandbox import image
from sandbox.languages import LANGUAGES, Language, find_languages
from sandbox.verdict import JobError, SandboxUnavailable


def test_the_tag_changes_with_the_packages_only():
    python = LANGUAGES["python"]
    more = Language(name="more", packages=("more",))
    same = Language(name="renamed", packages=python.packages)
    assert image.tag_of([python]) == image.tag_of([same]) == image.default_tag()
    assert image.tag_of([python, more]) == image.tag_of([more, python]) != image.tag_of([python])


def test_languages_are_sorted_and_unique():
    assert find_languages(["python", "python"]) == (LANGUAGES["python"],)
    with pytest.raises(JobError, match="got 'pyhton'"):
        find_languages(["pyhton"])


def test_an_engine_that_does_not_answer_names_its_address(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(SandboxUnavailable, match=r"127\.0\.0\.1:9.*engine\.sh"):
        image.connect()


@pytest.mark.engine
def test_ensure_image_gives_an_image_that_is_there(pool):
    tag = image.ensure_image()
    assert tag == image.default_tag()
    assert image.find_image(tag) == pool.image_digest
