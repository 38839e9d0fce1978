"""What counts as a call of an API, and what only looks like one."""

from __future__ import annotations

import pytest

from synth.api_calls import calls_in, missing_calls

CALLS = {
    "module alias": "import numpy as np\nnp.clip(x, 0, 1)",
    "whole module": "import numpy\ndef f(x):\n    return numpy.clip(x, 0, 1)",
    "name under an alias": "from numpy import clip as c\nf = lambda x: c(x, 0, 1)",
    "import inside the function": "def f(x):\n    import numpy as np\n    return np.clip(x, 0, 1)",
    "import under try": "try:\n    import numpy as np\nexcept ImportError:\n    np = None\nnp.clip(x, 0, 1)",
    "star import": "from numpy import *\nclip(x, 0, 1)",
    "assigned name": "import numpy as np\nlimit = np.clip\nlimit(x, 0, 1)",
    "assigned in a pair": "import numpy as np\na, b = np.clip, 2\na(x, 0, 1)",
    "chosen name": "import numpy as np\n(np.clip if fast else slow)(x, 0, 1)",
    "handed to map": "import numpy as np\nlist(map(np.clip, xs, lows, highs))",
    "handed to partial": "import numpy as np\nfrom functools import partial\nf = partial(np.clip, a_min=0)",
    "as a key": "from numpy import clip\nsorted(xs, key=clip)",
    "as a decorator": "from numpy import clip\n@clip\ndef f(): ...",
    "in a comprehension": "import numpy as np\n[np.clip(x, 0, 1) for x in xs if x]",
    "in a function defined before the import": "def f(x):\n    return np.clip(x, 0, 1)\nimport numpy as np",
    "in a nested function": "import numpy as np\ndef f(x):\n    def g():\n        np.clip(x, 0, 1)\n    return g()",
    "in a match": "import numpy as np\nmatch x:\n    case [a]:\n        np.clip(a, 0, 1)",
    "a twin branch": "import numpy as np\nif a:\n    c = max\nelse:\n    c = np.clip\nc(x, 0, 1)",
    "known from the loop's last round": "import numpy as np\nc = max\nfor x in xs:\n    c(x, 0, 1)\n    c = np.clip",
}
NO_CALLS = {
    "comment": "# np.clip(x, 0, 1)\nx = 1",
    "string": "import numpy as np\nx = 'np.clip(x, 0, 1)'",
    "unused import": "from numpy import clip\nx = 1",
    "mention": "import numpy as np\nprint(np.clip)",
    "same name of another package": "import other as np\nnp.clip(x, 0, 1)",
    "relative import": "from .numpy import clip\nclip(x, 0, 1)",
    "own function": "from numpy import clip\ndef clip(x): ...\nclip(x)",
    "parameter": "from numpy import clip\ndef f(clip):\n    return clip(1)",
    "lambda's parameter": "from numpy import clip\nf = lambda clip: clip(1)",
    "loop variable": "import numpy as np\nfor np in xs:\n    np.clip(1)",
    "variable of a comprehension": "import numpy as np\n[np.clip(1) for np in xs]",
    "assigned over": "import numpy as np\nnp = mine\nnp.clip(1)",
    "attribute assigned over": "import numpy as np\nnp.clip = mine\nnp.clip(1)",
    "captured by a pattern": "import numpy as np\nmatch x:\n    case np:\n        np.clip(1)",
    "deleted": "from numpy import clip\ndel clip\nclip(1)",
    "name of an exception": "import numpy as np\ntry: ...\nexcept E as np:\n    np.clip(1)",
    "after return": "import numpy as np\ndef f(x):\n    return x\n    np.clip(x, 0, 1)",
    "under if False": "import numpy as np\nif False:\n    np.clip(x, 0, 1)",
    "only as a script": "import numpy as np\nif __name__ == '__main__':\n    np.clip(x, 0, 1)",
    "another attribute of it": "import numpy as np\nnp.clip.reduce(x)",
    "method of the same name": "import numpy as np\nx.clip(0, 1)",
    "no Python": "import numpy as np\nnp.clip(x",
    "null byte": "np.clip(1)\0",
}
METHOD_CALLS = {
    "object assigned in the scope": "import networkx as nx\ng = nx.Graph()\ng.add_edge(1, 2)",
    "without a name": "import networkx as nx\nnx.Graph().add_edge(1, 2)",
    "through the class": "from networkx import Graph\nGraph.add_edge(g, 1, 2)",
    "assigned outside the function": "from networkx import Graph\ng = Graph()\ndef f():\n    g.add_edge(1, 2)",
    "bound in a with": "from networkx import Graph\nwith Graph() as g:\n    g.add_edge(1, 2)",
    "walrus": "from networkx import Graph\nif (g := Graph()):\n    g.add_edge(1, 2)",
    "annotated parameter": "import networkx as nx\ndef f(g: 'nx.Graph | None'):\n    g.add_edge(1, 2)",
    "bound method": "import networkx as nx\nadd = nx.Graph().add_edge\nadd(1, 2)",
    "own subclass": "import networkx as nx\nclass G(nx.Graph): ...\nG().add_edge(1, 2)",
    "super": "import networkx as nx\nclass G(nx.Graph):\n    def add(self):\n        super().add_edge(1, 2)",
    "self of a subclass": "import networkx as nx\nclass G(nx.Graph):\n    def add(self):\n        self.add_edge(1, 2)",
    "attribute of self": (
        "import networkx as nx\nclass A:\n    def add(self):\n        self.g.add_edge(1, 2)\n"
        "    def __init__(self):\n        self.g = nx.Graph()"
    ),
}
NO_METHOD_CALLS = {
    "unknown object": "import networkx as nx\ng = make()\ng.add_edge(1, 2)",
    "object assigned over": "import networkx as nx\ng = nx.Graph()\ng = {}\ng.add_edge(1, 2)",
    "overridden in a subclass": (
        "import networkx as nx\nclass G(nx.Graph):\n    def add_edge(self): ...\nG.add_edge(1)\n"
    ),
    "own class of that name": "import networkx as nx\nclass Graph: ...\nGraph().add_edge(1, 2)",
    "made and never used": "import networkx as nx\ng = nx.Graph()\ng.add_edge",
}


@pytest.mark.parametrize("code", CALLS.values(), ids=CALLS.keys())
def test_a_call_is_found_however_the_name_came(code: str) -> None:
    assert missing_calls(code, ["numpy.clip"]) == []


@pytest.mark.parametrize("code", NO_CALLS.values(), ids=NO_CALLS.keys())
def test_what_only_looks_like_a_call_is_missing(code: str) -> None:
    assert missing_calls(code, ["numpy.clip"]) == ["numpy.clip"]


@pytest.mark.parametrize("code", METHOD_CALLS.values(), ids=METHOD_CALLS.keys())
def test_a_method_is_found_on_an_object_of_its_class(code: str) -> None:
    assert missing_calls(code, ["networkx.Graph.add_edge"]) == []


@pytest.mark.parametrize("code", NO_METHOD_CALLS.values(), ids=NO_METHOD_CALLS.keys())
def test_a_method_of_something_else_is_missing(code: str) -> None:
    assert missing_calls(code, ["networkx.Graph.add_edge"]) == ["networkx.Graph.add_edge"]


def test_a_base_class_is_used() -> None:
    code = "from pydantic import BaseModel\nclass Point(BaseModel):\n    x: int\n"
    assert missing_calls(code, ["pydantic.BaseModel"]) == []


def test_what_is_missing_keeps_its_order_and_comes_once() -> None:
    code = "import numpy as np\nnp.clip(1, 2, 3)"
    assert missing_calls(code, ["numpy.sum", "numpy.clip", "numpy.abs", "numpy.sum"]) == ["numpy.sum", "numpy.abs"]


@pytest.mark.parametrize(
    "code",
    ["f(" * 3000 + ")" * 3000, "x = " + "a." * 50_000 + "a", "x = " + "1 + " * 20_000 + "1", "\ud800"],
    ids=["calls", "attributes", "sums", "surrogate"],
)
def test_programs_made_to_hurt_call_nothing(code: str) -> None:
    assert calls_in(code) == frozenset()


def test_nested_loops_are_read_in_time() -> None:
    lines = ["import numpy as np"] + [f"{' ' * depth}for i{depth} in xs:" for depth in range(90)]
    assert missing_calls("\n".join([*lines, " " * 90 + "np.clip(1)"]), ["numpy.clip"]) == []
