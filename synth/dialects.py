"""The languages that a Python test can be translated into: `DIALECTS`.

Lists are compared deeply; they are `std::vector` in C++, `List` in Java, slices in Go, `Vec` in Rust, arrays elsewhere,
and dictionaries are plain objects in JavaScript. Whole numbers have 32 bits, but 64 in Go, PHP and Ruby and 53 in
JavaScript.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from synth.literals import Dialect, Kind, Lists, Untranslatable, type_name


def _array(items: list[str], kind: Kind, given: bool, inner: bool) -> str:
    del kind, given, inner
    return f"[{', '.join(items)}]"


def _braced(types: Mapping[str, str]) -> Lists:
    """A list as its type and its items between braces."""

    def write(items: list[str], kind: Kind, given: bool, inner: bool) -> str:
        del given, inner
        return f"{type_name(kind, types)}{{{', '.join(items)}}}"

    return write


def _holds(value: Any, found: Callable[[Any], bool]) -> bool:
    """Whether a list, or one inside of it, holds such an item."""
    return isinstance(value, list | tuple) and any(found(item) or _holds(item, found) for item in value)


def _is_zero(value: Any) -> bool:
    return type(value) is int and value == 0


def _is_empty(value: Any) -> bool:
    return isinstance(value, list) and not value


def _is_name(key: Any) -> bool:
    """Whether a key is text that is taken neither for an index nor for an object's prototype."""
    return isinstance(key, str) and key != "__proto__" and not re.fullmatch(r"-?\d+", key)


def _javascript(call: str, text: str, value: Any) -> str:
    """`===` takes -0 for 0 as Python does, deep equality does not: lists with a zero are compared as JSON."""
    if not isinstance(value, list | tuple | dict):
        return f"assert({call} {'==' if value is None else '==='} {text});"
    if _holds(value, _is_zero) and not _holds(value, lambda item: isinstance(item, dict)):
        shown = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        return f"assert.strictEqual(JSON.stringify({call}), {JAVASCRIPT.quoted(shown)});"
    return f"assert.deepStrictEqual({call}, {text});"


JAVASCRIPT = Dialect(
    compare=_javascript,
    lists=_array,
    null="null",
    pair=": ",
    keeps_key=_is_name,
    counts_characters=True,
    max_int=2**53 - 1,
    reserved=frozenset(
        "arguments assert case catch const debugger default delete do enum eval export exports extends false "
        "function implements instanceof interface let module new null package private protected public require "
        "static super switch this throw true typeof var void".split()
    ),
)


CPP_TYPES = {"int": "int", "bool": "bool", "str": "std::string", "float": "double", "list": "std::vector<{}>"}


def _cpp(call: str, text: str, value: Any) -> str:
    """The second brackets keep the commas between braces from parting the macro's arguments."""
    return f"assert(({call} == {text}));" if isinstance(value, list) else f"assert({call} == {text});"


CPP = Dialect(
    compare=_cpp,
    lists=_braced(CPP_TYPES),
    types=CPP_TYPES,
    reserved=frozenset(
        "alignas alignof and_eq asm assert auto bitand bitor bool case catch char compl concept const const_cast "
        "consteval constexpr constinit decltype default delete do double dynamic_cast enum explicit export extern "
        "false float friend goto inline int long main mutable namespace new noexcept not_eq nullptr operator or_eq "
        "private protected public register requires short signed sizeof static static_assert static_cast struct "
        "switch template this throw true typedef typeid typename union unsigned using virtual void volatile xor "
        "xor_eq".split()
    ),
)


JAVA_TYPES = {"int": "Integer", "bool": "Boolean", "str": "String", "float": "Double", "list": "List<{}>"}


def _java(call: str, text: str, value: Any) -> str:
    if isinstance(value, str | list):
        return f"assert Objects.equals({call}, {text});"
    return f"assert {call} == {text};"


def _java_list(items: list[str], kind: Kind, given: bool, inner: bool) -> str:
    """One that is given may be changed, as in Python; `List.of` may not."""
    del inner
    listed = f"List.of({', '.join(items)})"
    if not given:
        return listed
    return f"new Array{type_name(kind, JAVA_TYPES)}({listed if items else ''})"


JAVA = Dialect(
    compare=_java,
    lists=_java_list,
    types=JAVA_TYPES,
    counts_characters=True,
    prefix="Solution.",
    reserved=frozenset(
        "abstract assert boolean byte case catch char clone const default do double enum equals extends false final "
        "finalize float getClass goto hashCode implements instanceof int interface long native new notify notifyAll "
        "null package private protected public short static strictfp super switch synchronized this throw throws "
        "toString transient true void volatile wait".split()
    ),
)


GO_TYPES = {"int": "int", "bool": "bool", "str": "string", "float": "float64", "list": "[]{}"}


def _go(call: str, text: str, value: Any) -> str:
    """A slice without items may be nil or not, and both are right."""
    if _holds(value, _is_empty):
        raise Untranslatable("an empty slice inside of another")
    if isinstance(value, list):
        return f"assert(reflect.DeepEqual({call}, {text}))" if value else f"assert(len({call}) == 0)"
    return f"assert({call} == {text})"


GO = Dialect(
    compare=_go,
    lists=_braced(GO_TYPES),
    types=GO_TYPES,
    max_int=2**63 - 1,
    reserved=frozenset(
        "assert case chan const default defer fallthrough fmt func go goto init interface main map package range "
        "reflect select sort string strings struct switch type var int bool len".split()
    ),
)


RUST_TYPES = {"int": "i32", "bool": "bool", "str": "&str", "float": "f64", "list": "Vec<{}>"}


def _rust(call: str, text: str, value: Any) -> str:
    """Nothing says what a vector of no items would hold."""
    if isinstance(value, list) and not value:
        return f"assert_eq!({call}.len(), 0);"
    if isinstance(value, list) and not _holds(value, lambda item: not isinstance(item, list)):
        raise Untranslatable("vectors that are all empty")
    return f"assert_eq!({call}, {text});"


def _rust_list(items: list[str], kind: Kind, given: bool, inner: bool) -> str:
    """A function borrows what it is given."""
    del kind
    return f"{'&[' if given and not inner else 'vec!['}{', '.join(items)}]"


RUST = Dialect(
    compare=_rust,
    lists=_rust_list,
    types=RUST_TYPES,
    reserved=frozenset(
        "abstract as async await become box const crate do dyn enum extern final fn impl let loop macro main match "
        "mod move mut override priv pub ref self static struct super trait true false try type typeof unsafe "
        "unsized use virtual where yield".split()
    ),
)


RUBY = Dialect(
    compare=lambda call, text, _: f"assert {call} == {text}",
    lists=_array,
    null="nil",
    pair=" => ",
    keeps_key=lambda key: isinstance(key, str) or type(key) is int,
    escaped='"\\#',
    counts_characters=True,
    max_int=2**63 - 1,
    reserved=frozenset(
        "alias assert begin case defined do else elsif end ensure false module next nil redo rescue retry self "
        "super then true undef unless until when BEGIN END".split()
    ),
)


PHP = Dialect(
    compare=lambda call, text, _: f"assert({call} === {text});",
    lists=_array,
    null="null",
    pair=" => ",
    braces="[]",
    keeps_key=_is_name,
    compares_dicts=False,
    escaped='"\\$',
    max_int=2**63 - 1,
    reserved=frozenset(
        "abstract array assert callable case catch clone const declare default die do echo else elseif empty "
        "enddeclare endfor endforeach endif endswitch endwhile eval exit extends final finally fn foreach function "
        "global goto implements include include_once instanceof insteadof interface isset list match namespace new "
        "print private protected public readonly require require_once static switch throw trait try unset use var "
        "xor".split()
    ),
)


DIALECTS = {
    "javascript": JAVASCRIPT,
    "typescript": JAVASCRIPT,
    "cpp": CPP,
    "java": JAVA,
    "go": GO,
    "rust": RUST,
    "ruby": RUBY,
    "php": PHP,
}
"""Language -> how it writes values and tests."""
