"""Which language a file is in, by its name: the common part of GitHub linguist's table, file names before suffixes.

Not covered: the 700-odd other languages, and suffixes that several share (`.h` counts as C, `.m` is left out).
Excluded are types that hold no text worth learning (tables, drawings, lock files, build output). Source: the idea and
its exclusion list, OpenCoder (arXiv 2411.04905), section 2.1.1.
"""

from __future__ import annotations

from pathlib import PurePosixPath

_SUFFIXES = {
    "code": """
        python .py .pyi .pyw .wsgi | cython .pyx .pxd .pxi | c .c .h | cpp .cc .cpp .cxx .hh .hpp .hxx .cuh | cuda .cu
        javascript .js .mjs .cjs .jsx | typescript .ts .tsx .mts .cts | rust .rs | go .go | java .java | kotlin .kt .kts
        scala .scala | csharp .cs | swift .swift | ruby .rb | php .php | perl .pl .pm | lua .lua | r .r | julia .jl
        haskell .hs | ocaml .ml .mli | clojure .clj | elixir .ex .exs | erlang .erl | lisp .el .lisp .scm | dart .dart
        fortran .f .f77 .f90 .f95 | assembly .s .asm | shell .sh .bash .zsh | powershell .ps1 | batch .bat .cmd
        sql .sql | cmake .cmake | makefile .mk .mak | meson .build | starlark .bzl .bazel | m4 .m4 | awk .awk
        css .css | scss .scss .sass | less .less | html .html .htm | jinja .jinja .jinja2 .j2 | mako .mako | vue .vue
        svelte .svelte | protobuf .proto | thrift .thrift | graphql .graphql .gql | glsl .glsl .vert .frag
        opencl .cl | zig .zig | nim .nim | verilog .v .sv | vhdl .vhd | tcl .tcl | groovy .groovy .gradle
    """,
    "data": "json .json .json5 | yaml .yaml .yml | toml .toml | ini .ini .cfg | xml .xml .xsd .xsl",
    "text": "markdown .md .markdown | restructuredtext .rst | text .txt | tex .tex | asciidoc .adoc | org .org",
}
_FILENAMES = {
    "makefile": "makefile gnumakefile makefile.am makefile.in",
    "cmake": "cmakelists.txt",
    "dockerfile": "dockerfile containerfile",
    "meson": "meson.build meson.options",
    "starlark": "build.bazel workspace",
    "shell": "configure.ac .bashrc .profile",
    "ruby": "gemfile rakefile",
    "text": "readme license licence copying authors changes changelog news notice history todo",
}
_EXCLUDED_NAMES = frozenset(
    """package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml poetry.lock pdm.lock uv.lock cargo.lock
    composer.lock requires.txt sources.txt top_level.txt dependency_links.txt entry_points.txt pkg-info record
    requirements.txt cargo.toml.orig""".split()
)
_EXCLUDED_SUFFIXES = frozenset(
    """.csv .tsv .svg .stl .ps .eps .ipynb .pem .crt .key .pub .log .lock .map .po .pot .snap .diff .patch
    .bib .geojson .vcf .fasta .srt .sum""".split()
)
_EXCLUDED_ENDINGS = (".min.js", ".min.css", ".bundle.js", ".min.mjs", "-min.js", ".chunk.js")
_EXCLUDED_FOLDERS = frozenset(
    """node_modules bower_components __pycache__ .git .hg .svn .tox .venv site-packages""".split()
)


def _language_of_suffix() -> dict[str, tuple[str, str]]:
    """Suffix -> language and document type."""
    table: dict[str, tuple[str, str]] = {}
    for doc_type, text in _SUFFIXES.items():
        language = ""
        for word in text.replace("|", " ").split():
            if word.startswith("."):
                table[word] = (language, doc_type)
            else:
                language = word
    return table


_BY_SUFFIX = _language_of_suffix()
_BY_NAME = {name: language for language, names in _FILENAMES.items() for name in names.split()}
DOC_TYPES = dict(_BY_SUFFIX.values()) | {"dockerfile": "code"}
"""Language -> `code`, `data` or `text`."""


def language_of(path: str) -> str | None:
    """The language by file name, then suffix; `None` for one we do not know."""
    name = PurePosixPath(path).name.lower()
    if name in _BY_NAME:
        return _BY_NAME[name]
    known = _BY_SUFFIX.get(PurePosixPath(name).suffix)
    return known[0] if known else None


def is_excluded(path: str) -> bool:
    """Whether the file is of a type that no corpus wants, or lies in a folder of installed or built things."""
    parts = PurePosixPath(path).parts
    name = parts[-1].lower() if parts else ""
    return (
        name in _EXCLUDED_NAMES
        or PurePosixPath(name).suffix in _EXCLUDED_SUFFIXES
        or name.endswith(_EXCLUDED_ENDINGS)
        or any(part in _EXCLUDED_FOLDERS or part.endswith(".egg-info") for part in parts[:-1])
    )
