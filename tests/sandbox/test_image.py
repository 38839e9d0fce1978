"""Names of images, what is in them, and what is said when there is none."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import image
from sandbox.languages import LANGUAGES, find_languages
from sandbox.verdict import JobError, SandboxError, SandboxUnavailable


class Engine:
    """An engine that has these images: name -> (size, languages, packages)."""

    def __init__(self, images: dict[str, tuple[int, str, str]]) -> None:
        self.listed = [
            {"Id": name, "Size": size, "Labels": {"opencook.languages": languages, "opencook.packages": packages}}
            for name, (size, languages, packages) in images.items()
        ]

    def images(self, filters: dict[str, str]) -> list[dict[str, Any]]:
        assert filters == {"label": "opencook.languages"}
        return self.listed

    def inspect_image(self, name: str) -> dict[str, Any]:
        from docker.errors import ImageNotFound

        for found in self.listed:
            if found["Id"] == name:
                return {**found, "Config": {"Labels": found["Labels"]}}
        raise ImageNotFound(name)


def tag(*names: str, packages: tuple[str, ...] = ()) -> str:
    return image.tag_of(find_languages(names), packages)


def test_the_tag_changes_with_languages_and_packages_but_not_with_their_order():
    assert tag("python") == image.default_tag()
    assert tag("c", "bash", "python") == tag("python", "bash", "c") != tag("python", "c")
    assert tag("python", packages=("numpy",)) != tag("python")
    assert image.canonical(["pandas", " numpy", "pandas"]) == ("numpy", "pandas")


def test_each_language_adds_its_layer_behind_those_before_it():
    few = image.dockerfile(find_languages(["python", "javascript"]))
    more = image.dockerfile(find_languages(["python", "javascript", "cpp"]))
    assert more.startswith(few)
    assert more.removeprefix(few) == "RUN sh /opt/opencook/layer.sh g++\n"


def test_a_package_must_be_a_name():
    for name in ("--index-url=x", "numpy; rm", "git+https://x", "../x"):
        with pytest.raises(SandboxError, match="packages"):
            image.canonical([name])


def test_languages_are_in_the_tables_order_and_unique():
    assert find_languages(["c", "python", "c"]) == (LANGUAGES["python"], LANGUAGES["c"])
    with pytest.raises(JobError, match=r"got 'pyhton'; did you mean 'python'"):
        find_languages(["pyhton"])


def test_the_image_is_the_one_built_for_it_else_the_smallest_that_has_all():
    exact = tag("python", "c")
    engine = Engine(
        {"big": (9, "python,c,cpp", "numpy"), "small": (5, "python,c", "pandas"), exact: (7, "python,c", "")}
    )
    assert image.find_image(None, engine, languages=["c"]) == exact
    assert image.find_image(None, engine) == "small"
    assert image.find_image(None, engine, languages=["cpp"]) == "big"
    assert image.find_image(None, engine, languages=["c"], packages=["numpy"]) == "big"
    assert image.find_image("big", engine) == "big"
    assert image.best_image(engine) == "big"
    assert image.image_languages(engine, "small") == ("python", "c")


def test_without_a_fitting_image_the_command_that_makes_it_is_named():
    engine = Engine({"small": (5, "python", "")})
    with pytest.raises(SandboxUnavailable, match="sandbox build --languages python,c --packages numpy`"):
        image.find_image(None, engine, languages=["c"], packages=["numpy"])
    with pytest.raises(SandboxUnavailable, match="other is not there"):
        image.find_image("other", engine)
    with pytest.raises(SandboxUnavailable, match="sandbox build"):
        image.best_image(Engine({}))


def test_an_engine_that_does_not_answer_names_its_address(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(SandboxUnavailable, match=r"127\.0\.0\.1:9.*engine\.sh"):
        image.connect()


@pytest.mark.engine
def test_ensure_image_gives_an_image_that_is_there(pool, engine):
    name = image.ensure_image()
    assert name == image.default_tag()
    assert image.find_image(name) == pool.image_digest
    assert image.image_languages(engine, name) == ("python",)
