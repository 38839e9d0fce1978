"""Languages of the Java, .NET and Erlang virtual machines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sandbox.program import Language

# The harness is also what starts a program without tests: the class with `main` may have any name.
JAVA_HARNESS = """\
import java.io.File;
import java.lang.reflect.*;
import java.nio.file.*;
import java.util.*;

class Sandbox {
    static final String PATH = System.getenv("SANDBOX_REPORT"), FIRST = System.getenv("SANDBOX_FIRST");

    static void report(String word) throws Exception {
        Files.writeString(Path.of(PATH), word + "\\n", StandardOpenOption.APPEND);
    }

    static Method main() throws Exception {
        String[] names = new File(Sandbox.class.getProtectionDomain().getCodeSource().getLocation().toURI()).list();
        Arrays.sort(names, Comparator.comparing((String name) -> !name.equals("Main.class")));
        for (String name : names) {
            if (!name.endsWith(".class") || name.equals("Sandbox.class")) continue;
            Class<?> type = Class.forName(name.substring(0, name.length() - 6), false, Sandbox.class.getClassLoader());
            for (Method method : type.getDeclaredMethods())
                if (method.getName().equals("main") && Modifier.isStatic(method.getModifiers())
                        && Arrays.equals(method.getParameterTypes(), new Class<?>[] {String[].class})) return method;
        }
        throw new NoSuchMethodException("no class has a `public static void main(String[] args)`");
    }

    static void invoke(Method method, Object target, Object... arguments) throws Throwable {
        method.setAccessible(true);
        try {
            method.invoke(target, arguments);
        } catch (InvocationTargetException error) {
            throw error.getCause();
        }
    }

    public static void main(String[] arguments) throws Throwable {
        if (PATH == null) {
            invoke(main(), null, (Object) arguments);
            return;
        }
        try {
            Class<?> tests = Class.forName("SandboxTests");
            int count = tests.getDeclaredField("sandbox_count").getInt(null);
            report("begin");
            for (int number = Integer.parseInt(FIRST); number <= count; number++) {
                Constructor<?> constructor = tests.getDeclaredConstructor();
                constructor.setAccessible(true);
                invoke(tests.getDeclaredMethod("sandbox_test_" + number), constructor.newInstance());
                report(String.valueOf(number));
            }
            report("end");
        } catch (Throwable error) {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
        System.exit(0);  // thread pools that nobody shut down would keep the process
    }
}
"""
JAVA_TYPE = re.compile(r"\b(?:class|interface|enum|record)\s+\w")
JAVA_PUBLIC = re.compile(r"^([ \t]*)public\s+(?=(?:[\w-]+\s+)*?(?:class|interface|enum|record|@interface)\s+\w)", re.M)
JAVA_PACKAGE = re.compile(r"^[ \t]*package\s[^;]+;", re.M)
JAVA_IMPORT = re.compile(r"^[ \t]*import\s[^;]+;", re.M)


def java_code(code: str, tested: bool) -> str:
    """One file whatever its public class is called; bare methods get a class, from which the tests inherit."""
    del tested
    code = JAVA_PACKAGE.sub("", JAVA_PUBLIC.sub(r"\1", code))
    if not has_bare_methods(code):
        return f"{code}\nclass SandboxBase {{}}"
    imports = " ".join(match.strip() for match in JAVA_IMPORT.findall(code))
    return f"{imports} class SandboxBase {{ {JAVA_IMPORT.sub('', code)}\n}}\nclass Solution extends SandboxBase {{}}"


def has_bare_methods(code: str) -> bool:
    """Whether a method stands outside of any class, in Java or C#."""
    text = re.sub(r'//.*|/\*(?s:.*?)\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|@\w+(?:\([^()]*\))?', " ", code)
    depth, outer = 0, []
    for part in re.split(r"([{}])", text):
        depth += {"{": 1, "}": -1}.get(part, 0)
        outer.append(part if depth == 0 or (part == "{" and depth == 1) else "")
    heads = re.findall(r"([^;{}]*)\{", "".join(outer))
    return any("(" in head and not JAVA_TYPE.search(head) for head in heads)


JAVA = Language(
    name="java",
    packages=("openjdk-17-jdk-headless",),
    tests_are="statements: `assert Solution.add(1, 2) == 3;`; methods without a class are called as they are",
    plain={"Main.java": "{code}", "Sandbox.java": JAVA_HARNESS},
    sources={
        "Main.java": "{code}",
        "Sandbox.java": JAVA_HARNESS,
        "SandboxTests.java": """\
import java.util.*;
import java.util.function.*;
import java.util.stream.*;

class SandboxTests extends SandboxBase {
    static final int sandbox_count = {count};
{tests}}
""",
    },
    test="void sandbox_test_{number}() throws Throwable {\n{test}\n}\n",
    prepare=java_code,
    compile=(
        "sh",
        "-c",
        "javac -J-XX:+UseSerialGC -J-XX:TieredStopAtLevel=1 -J-XX:-UsePerfData -J-Xmx400m"
        " -proc:none -nowarn -encoding UTF-8 -d out *.java",
    ),
    run=(
        "java",
        "-ea",
        "-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        "-cp",
        "/build/out",
        "Sandbox",
    ),
    compile_memory_mb=640,
    version=("java", "--version"),
)


CSHARP_HARNESS = """\
using System;
using System.Diagnostics;
using System.IO;
using System.Reflection;

static class Sandbox {
    class Thrower : TraceListener {
        public override void Fail(string message) { throw new Exception("Assertion failed. " + message); }
        public override void Fail(string message, string detail) { Fail(message); }
        public override void Write(string message) { Console.Error.Write(message); }
        public override void WriteLine(string message) { Console.Error.WriteLine(message); }
    }

    static int Main() {
        string path = Environment.GetEnvironmentVariable("SANDBOX_REPORT");
        int first = int.Parse(Environment.GetEnvironmentVariable("SANDBOX_FIRST"));
        Environment.SetEnvironmentVariable("SANDBOX_REPORT", null);
        Debug.Listeners.Clear();
        Debug.Listeners.Add(new Thrower());
        try {
            File.AppendAllText(path, "begin\\n");
            for (int number = first; number <= SandboxTests.sandbox_count; number++) {
                string name = "sandbox_test_" + number;
                var flags = BindingFlags.Instance | BindingFlags.NonPublic;
                try {
                    typeof(SandboxTests).GetMethod(name, flags).Invoke(new SandboxTests(), null);
                } catch (TargetInvocationException error) {
                    Console.Error.WriteLine("Unhandled Exception: " + error.InnerException);
                    Environment.Exit(1);
                }
                File.AppendAllText(path, number + "\\n");
            }
            File.AppendAllText(path, "end\\n");
        } catch (Exception error) {
            Console.Error.WriteLine(error);
            return 1;
        }
        return 0;
    }
}
"""
CSHARP_HEAD = re.compile(r"^[ \t]*using\s+[\w.= <>,]+;[ \t]*", re.M)


def csharp_code(code: str, tested: bool) -> str:
    """The code; bare methods become part of the tests' class."""
    del tested
    if not has_bare_methods(code) or re.search(r"\bnamespace\b", code):
        return code
    usings = " ".join(match.strip() for match in CSHARP_HEAD.findall(code))
    return f"{usings} partial class SandboxTests {{ {CSHARP_HEAD.sub('', code)}\n}}\nclass Solution : SandboxTests {{}}"


def csharp_prelude(code: str, tests: Sequence[str]) -> str:
    """The code's own namespaces."""
    del tests
    return "".join(f"using {name};\n" for name in dict.fromkeys(re.findall(r"^\s*namespace\s+([\w.]+)", code, re.M)))


CSHARP = Language(
    name="csharp",
    packages=("mono-mcs", "mono-runtime", "libmono-system-core4.0-cil", "libmono-system-numerics4.0-cil"),
    tests_are="statements: `Assert(Solution.Add(1, 2) == 3);` or `Debug.Assert(...)`",
    plain={"main.cs": "{code}"},
    sources={
        "main.cs": "{code}",
        "sandbox.cs": CSHARP_HARNESS,
        "tests.cs": """\
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
{prelude}
partial class SandboxTests {
    public const int sandbox_count = {count};
    static void Assert(bool ok, string message = "Assertion failed.") { if (!ok) throw new Exception(message); }
{tests}}
""",
    },
    test="void sandbox_test_{number}() {\n{test}\n}\n",
    prepare=csharp_code,
    prelude=csharp_prelude,
    compile=(
        "sh",
        "-c",
        "mcs -nologo -debug -d:DEBUG -warn:0 -r:System.Core -r:System.Numerics -out:out/main.exe"
        " $([ ! -e sandbox.cs ] || echo -main:Sandbox) *.cs",
    ),
    run=("mono", "--debug", "/build/out/main.exe"),
    version=("mono", "--version"),
)


ERLANG_HARNESS = """\
-module(sandbox).
-export([build/1, run/1]).

build([File]) ->
    Options = [binary, export_all, nowarn_export_all, return_errors, report_errors],
    case compile:file(atom_to_list(File), Options) of
        {ok, Module, Code} ->
            ok = file:write_file("out/" ++ atom_to_list(Module) ++ ".beam", Code),
            ok = file:write_file("out/name", atom_to_list(Module)),
            halt(0);
        _ -> halt(1)
    end.

run([Folder]) ->
    {ok, Name} = file:read_file(atom_to_list(Folder) ++ "/name"),
    Module = binary_to_atom(Name),
    case os:getenv("SANDBOX_REPORT") of
        false -> finish(fun() -> Module:main() end);
        Path ->
            First = list_to_integer(os:getenv("SANDBOX_FIRST")),
            os:unsetenv("SANDBOX_REPORT"),
            finish(fun() -> tests(Module, Path, First) end)
    end.

tests(Module, Path, First) ->
    report(Path, "begin"),
    lists:foreach(
        fun(Number) -> Module:sandbox_test(Number), report(Path, integer_to_list(Number)) end,
        lists:seq(First, Module:sandbox_count())),
    report(Path, "end").

report(Path, Word) -> ok = file:write_file(Path, Word ++ "\\n", [append]).

finish(Run) ->
    try Run() of
        _ -> halt(0)
    catch
        Class:Reason:Stack ->
            io:format(standard_error, "~p: ~p~n~p~n", [Class, Reason, Stack]),
            halt(1)
    end.
"""
ERL = ("erl", "-noshell", "+S", "2:2", "+sbwt", "none")

ERLANG = Language(
    name="erlang",
    packages=("erlang-base",),
    tests_are="expressions that match: `3 = add(1, 2)` or `?assertEqual(3, add(1, 2))`; a program runs `main/0`",
    plain={"main.erl": "{code}", "sandbox.erl": ERLANG_HARNESS},
    sources={
        "main.erl": """\
{code}

-ifndef(assert).
-define(assert(Condition), true = (Condition)).
-endif.
-ifndef(assertEqual).
-define(assertEqual(Expected, Actual), true = ((Expected) =:= (Actual))).
-endif.
sandbox_count() -> {count}.
{tests}sandbox_test(_) -> ok.
""",
        "sandbox.erl": ERLANG_HARNESS,
    },
    test="sandbox_test({number}) ->\n{test}\n;\n",
    prepare=lambda code, _: code if re.search(r"^-module\(", code, re.M) else "-module(main). " + code,
    prepare_test=lambda test: test.rstrip().rstrip(".,;"),
    compile=(
        "sh",
        "-c",
        "erlc -o out sandbox.erl && erl -noinput -pa out -s sandbox build main.erl",
    ),
    run=(*ERL, "-pa", "/build/out", "-s", "sandbox", "run", "/build/out"),
    version=("erl", "-noshell", "-eval", "io:format(erlang:system_info(otp_release)), halt()."),
)

ELIXIR = Language(
    name="elixir",
    packages=("elixir",),
    tests_are="statements: `assert Solution.add(1, 2) == 3`; `assert` is ExUnit's",
    plain={"main.exs": "{code}"},
    sources={
        "code.exs": "{code}",
        "main.exs": """\
{path, first} = {System.get_env("SANDBOX_REPORT"), String.to_integer(System.get_env("SANDBOX_FIRST"))}
System.delete_env("SANDBOX_REPORT")
Code.require_file("code.exs")
{:ok, _} = Application.ensure_all_started(:ex_unit)
report = fn word -> File.write!(path, "#{word}\\n", [:append]) end
tests = Code.string_to_quoted!(File.read!("tests.exs"), file: "tests.exs")
report.("begin")
for {test, number} <- Enum.with_index(elem(Code.eval_quoted(tests), 0), 1), number >= first do
  test.()
  report.(number)
end
report.("end")
""",
        "tests.exs": "import ExUnit.Assertions\n[\n{tests}]\n",
    },
    test="fn ->\n{test}\nend,\n",
    run=("elixir", "--erl", "+S 2:2 +sbwt none", "main.exs"),
    version=("elixir", "--version"),
)

JVM = ("java", "-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:TieredStopAtLevel=1", "-Xshare:auto")

CLOJURE = Language(
    name="clojure",
    packages=("clojure", "openjdk-17-jdk-headless"),
    tests_are="forms: `(assert (= (add 1 2) 3))`",
    plain={"main.clj": "{code}"},
    sources={
        "code.clj": "{code}",
        "main.clj": """\
(ns user)
(def sandbox-path (System/getenv "SANDBOX_REPORT"))
(def sandbox-first (Long/parseLong (System/getenv "SANDBOX_FIRST")))
(defn sandbox-report [word] (spit sandbox-path (str word "\\n") :append true))
(load-file "code.clj")
(sandbox-report "begin")
(binding [*ns* (the-ns '{prelude})]
  (doseq [[number test] (map-indexed vector (read-string (slurp "tests.edn")))]
    (when (<= sandbox-first (inc number))
      (eval test)
      (sandbox-report (inc number)))))
(sandbox-report "end")
(shutdown-agents)
(System/exit 0)
""",
        "tests.edn": "[\n{tests}]\n",
    },
    test="(do\n{test}\n)\n",
    prelude=lambda code, _: next(iter(re.findall(r"^\(ns\s+([\w.-]+)", code, re.M)), "user"),
    run=(*JVM, "-cp", "/usr/share/java/clojure.jar", "clojure.main", "main.clj"),
    version=("java", "-cp", "/usr/share/java/clojure.jar", "clojure.main", "-e", "(clojure-version)"),
)

# Not all of Groovy's own, which are more than a run may have files open.
GROOVY_JARS = ":".join(f"/usr/share/java/{name}.jar" for name in "groovy groovy-json antlr asm commons-cli".split())

GROOVY = Language(
    name="groovy",
    packages=("groovy", "openjdk-17-jdk-headless"),
    tests_are="statements: `assert add(1, 2) == 3`",
    plain={"main.groovy": "{code}"},
    sources={
        "main.groovy": """\
{code}
;
class SandboxReport {
    static final String PATH = System.getenv('SANDBOX_REPORT')
    static final int FIRST = System.getenv('SANDBOX_FIRST') as int
    static void write(word) { new File(PATH) << word + '\\n' }
}
SandboxReport.write('begin')
{tests}SandboxReport.write('end')
System.exit(0)
""",
    },
    test="if (SandboxReport.FIRST <= {number}) {\n({ ->\n{test}\n}).call()\nSandboxReport.write({number})\n}\n",
    run=(*JVM, "-cp", GROOVY_JARS, "groovy.ui.GroovyMain", "main.groovy"),
    version=("groovy", "--version"),
)
