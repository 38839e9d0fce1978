"""How people write the names of the sandbox's programming languages: `C++` for `cpp`."""

from __future__ import annotations

_NAMES = {
    "awk": "AWK",
    "commonlisp": "Common Lisp",
    "coffeescript": "CoffeeScript",
    "cpp": "C++",
    "csharp": "C#",
    "javascript": "JavaScript",
    "ocaml": "OCaml",
    "php": "PHP",
    "sql": "SQL",
    "typescript": "TypeScript",
}


def name_of(language: str) -> str:
    """The language as people write it."""
    return _NAMES.get(language, language.title())
