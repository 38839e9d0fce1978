"""Introspection of installed packages: real ones, and one that is made to be difficult."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from synth.api import Api, is_testable, packages_in, packages_of, read_apis, topics
from synth.errors import SeedError
from synth.seeds import open_seeds

Install = Callable[[dict[str, str]], Counter[str]]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Puts files of the package `kitchenware` where Python finds installed ones."""

    def put(files: dict[str, str]) -> None:
        info = tmp_path / "kitchenware-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kitchenware\nVersion: 1.2\nLicense: MIT\n")
        for name, text in files.items():
            path = tmp_path / "kitchenware" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        record = [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*")) if path.is_file()]
        (info / "RECORD").write_text("".join(f"{name},,\n" for name in record))
        monkeypatch.syspath_prepend(tmp_path)

    return put


def read(timeout_s: float = 60) -> tuple[dict[str, Api], Counter[str]]:
    skipped: Counter[str] = Counter()
    apis = read_apis(packages_in("api:kitchenware")[0], skipped, timeout_s=timeout_s)
    return {api.name: api for api in apis}, skipped


def test_a_re_export_is_listed_once_under_its_shortest_path(install: Install) -> None:
    install({"__init__.py": "from kitchenware.deep.pots import boil", "deep/__init__.py": "", "deep/pots.py": BOIL})
    assert list(read()[0]) == ["kitchenware.boil"]


def test_what_is_imported_from_elsewhere_is_no_api(install: Install) -> None:
    install({"__init__.py": f"from json import dumps\nfrom collections import deque\n{BOIL}"})
    assert list(read()[0]) == ["kitchenware.boil"]


@pytest.mark.parametrize(
    "definition",
    [
        'def old():\n    """Deprecated: use new."""',
        'def old():\n    """Stirs.\n\n    .. deprecated:: 1.0\n    """',
        'def old():\n    """Stirs."""\nold.__deprecated__ = "use new"',
    ],
)
def test_what_is_deprecated_is_left_out_and_counted(install: Install, definition: str) -> None:
    install({"__init__.py": f"{BOIL}\n{definition}\n"})
    apis, skipped = read()
    assert list(apis) == ["kitchenware.boil"]
    assert skipped == {"api.deprecated": 1}


def test_a_deprecated_parameter_does_not_end_its_function(install: Install) -> None:
    install({"__init__.py": 'def f(a, b):\n    """Stirs.\n\n    b: int\n        .. deprecated:: 1.0\n    """\n'})
    assert list(read()[0]) == ["kitchenware.f"]


def test_private_names_and_tests_are_no_api(install: Install) -> None:
    secret = BOIL.replace("boil", "_boil")
    install({"__init__.py": BOIL + secret, "_inner.py": OTHER, "tests/__init__.py": OTHER, "test_pots.py": OTHER})
    assert list(read()[0]) == ["kitchenware.boil"]


def test_all_decides_what_is_public(install: Install) -> None:
    install({"__init__.py": f"__all__ = ['boil']\n{BOIL}{OTHER}"})
    assert list(read()[0]) == ["kitchenware.boil"]


def test_methods_come_with_their_class_and_properties_do_not(install: Install) -> None:
    install({"__init__.py": POT})
    apis, _ = read()
    assert {name: api.kind for name, api in apis.items()} == {
        "kitchenware.Pot": "class",
        "kitchenware.Pot.fill": "method",
        "kitchenware.Pot.of_steel": "method",
    }
    topic = next(topic for topic in topics(list(apis.values())) if topic.required == ("kitchenware.Pot.fill",))
    assert topic.text.index("kitchenware.Pot.fill(self, litres)") < topic.text.index("A vessel.")


def test_an_inherited_method_is_listed_with_its_first_class_alone(install: Install) -> None:
    install({"__init__.py": POT + 'class Wok(Pot):\n    """A wide one."""\n'})
    assert "kitchenware.Pot.fill" in read()[0]
    assert "kitchenware.Wok.fill" not in read()[0]


def test_default_values_without_a_source_form_do_not_change_between_runs(install: Install) -> None:
    install({"__init__.py": 'def f(a, b=object(), *, c=print) -> "list[int]":\n    """Stirs."""\n'})
    assert read()[0]["kitchenware.f"].signature == "(a, b=..., *, c=...) -> 'list[int]'"


def test_a_signature_is_read_off_the_docstring_where_there_is_no_other(install: Install) -> None:
    install({"__init__.py": 'def f(*a):\n    """f(x, y=1) -> int\n\n    Stirs."""\nf.__signature__ = 1\n'})
    assert read()[0]["kitchenware.f"].signature == "(x, y=1) -> int"


def test_a_module_that_cannot_be_imported_costs_only_itself(install: Install) -> None:
    install({"__init__.py": BOIL, "broken.py": "raise SystemExit(3)", "more.py": OTHER})
    apis, skipped = read()
    assert set(apis) == {"kitchenware.boil", "kitchenware.more.grill"}
    assert skipped == {"api.not_importable": 1}


def test_a_package_that_cannot_be_imported_says_why(install: Install) -> None:
    install({"__init__.py": "raise RuntimeError('no gas')"})
    with pytest.raises(SeedError, match=r"kitchenware==1.2: cannot be imported \(RuntimeError: no gas\)"):
        read()


def test_an_import_that_leaves_early_is_no_empty_package(install: Install) -> None:
    install({"__init__.py": f"{BOIL}\nimport os; os._exit(0)"})
    with pytest.raises(SeedError, match=r"cannot be imported \(exit code 0\)"):
        read()


def test_an_import_that_hangs_ends_with_all_that_it_started(install: Install, tmp_path: Path) -> None:
    child = f"import time, pathlib; time.sleep(4); pathlib.Path({str(tmp_path / 'alive')!r}).touch()"
    start = f"subprocess.Popen([sys.executable, '-c', {child!r}])"
    install({"__init__.py": f"import subprocess, sys, time\n{start}\ntime.sleep(60)"})
    with pytest.raises(SeedError, match=r"takes over 1.5 s"):
        read(timeout_s=1.5)
    time.sleep(4)
    assert not (tmp_path / "alive").exists()


def test_an_import_sees_neither_our_credentials_nor_our_home(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    look = f"import os\nassert 'OPENAI_API_KEY' not in os.environ\nassert os.environ['HOME'] != {str(Path.home())!r}\n"
    install({"__init__.py": f"{look}print('noise')\n{BOIL}"})
    assert list(read()[0]) == ["kitchenware.boil"]


def test_an_import_leaves_nothing_in_this_process(install: Install) -> None:
    install({"__init__.py": BOIL})
    read()
    assert "kitchenware" not in sys.modules


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("more_itertools.random_product", "(*args)"),
        ("networkx.gnp_random_graph", "(n, p)"),
        ("networkx.spring_layout", "(G, seed=None)"),
        ("numpy.loadtxt", "(fname)"),
        ("boltons.timeutils.total_seconds", "(td)"),
        ("boltons.fileutils.mkdir_p", "(path)"),
        ("kitchenware.TimeoutQueue", "()"),
    ],
)
def test_chance_time_and_files_are_not_testable(name: str, signature: str) -> None:
    assert not is_testable(name, signature)


@pytest.mark.parametrize("name", ["numpy.log", "numpy.stack", "networkx.shortest_path", "toolz.sliding_window"])
def test_a_word_that_is_part_of_another_says_nothing(name: str) -> None:
    assert is_testable(name, "(a, b=None)")


def test_packages_for_the_image_carry_their_versions() -> None:
    numpy = sys.modules["numpy"] if "numpy" in sys.modules else pytest.importorskip("numpy")
    assert packages_of("api:numpy, json,numpy") == (f"numpy=={numpy.__version__}",)
    assert packages_of("starter") == ()


def test_a_package_that_is_not_installed_is_named_with_what_to_do() -> None:
    with pytest.raises(SeedError, match="no package 'pantri' is installed"):
        packages_of("api:pantri")
    with pytest.raises(SeedError, match="must name a package"):
        open_seeds("api: ,")


def test_seeds_of_a_c_library_are_current_and_usable() -> None:
    numpy = pytest.importorskip("numpy")
    seeds = {seed.required[0]: seed for seed in open_seeds("api:numpy")}
    clip = seeds["numpy.clip"]
    assert clip.package == f"numpy=={numpy.__version__}"
    assert clip.source == f"numpy=={numpy.__version__}:numpy.clip"
    assert clip.text.startswith("numpy.clip(a, a_min")
    assert clip.summary == "Clip (limit) the values in an array."
    assert "add(x1, x2, /, out=None" in seeds["numpy.add"].text
    assert seeds["numpy.add"].summary == "Add arguments element-wise."
    assert "numpy.random.rand" not in seeds
    assert "numpy.ndarray.mean" not in seeds


def test_the_same_package_gives_the_same_seeds() -> None:
    assert list(open_seeds("api:pydantic")) == list(open_seeds("api:pydantic"))


BOIL = 'def boil(egg, minutes=5):\n    """Returns the egg, boiled."""\n'
OTHER = 'def grill(fish):\n    """Returns the fish, grilled."""\n'
POT = '''
class Pot:
    """A vessel."""

    def fill(self, litres):
        """Adds water."""

    @classmethod
    def of_steel(cls):
        """Returns a strong one."""

    @property
    def is_full(self):
        """Whether no more goes in."""

    def _wash(self):
        """Cleans it."""
'''
