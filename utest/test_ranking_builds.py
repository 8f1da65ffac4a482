"""The log of a build -> its lines, most suspicious first; on logs as real tools write them."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from builders import a_failure, an_item, some_evidence

from FailTaleLibrary.ranking import rank, rank_lines

HEAD = """\
2026-03-14T09:10:38.0196924Z Job is about to start running on the hosted runner
2026-03-14T09:10:39.1000001Z ##[group]Run {command}
2026-03-14T09:10:39.1000002Z {command}
2026-03-14T09:10:39.1000003Z ##[endgroup]"""
TAIL = """\
2026-03-14T09:11:03.2745138Z ##[error]Process completed with exit code 1.
2026-03-14T09:11:03.2750000Z Post job cleanup.
2026-03-14T09:11:03.3000000Z [command]/usr/bin/git config --local --unset-all http.https://github.com/.extraheader
2026-03-14T09:11:03.5000000Z Cleaning up orphan processes"""


def job(command: str, output: str, *, fails: bool) -> list[str]:
    """A job's log as a CI server keeps it: each line dated, the tool's output in the middle."""
    lines = [f"2026-03-14T09:11:02.{n:07}Z {line}" for n, line in enumerate(output.splitlines())]
    tail = TAIL.splitlines()
    return [*HEAD.format(command=command).splitlines(), *lines, *(tail if fails else tail[1:])]


GO = """\
ok  \tgithub.com/acme/shop/cart\t0.210s
--- FAIL: TestTotal (0.03s)
    total_test.go:42: wrong total
        got:  12
        want: 13
FAIL
FAIL\tgithub.com/acme/shop/total\t0.310s
ok  \tgithub.com/acme/shop/web\t0.110s
FAIL"""
GO_BUILD = """\
# github.com/acme/shop/cart
cart/cart.go:51:9: undefined: newPrice
cart/cart.go:77:2: x declared and not used"""
GO_PANIC = """\
panic: runtime error: index out of range [3] with length 3

goroutine 1 [running]:
main.total(...)
\t/home/runner/work/shop/total.go:44 +0x2b
exit status 2"""
TERRAFORM = """\
aws_s3_bucket.logs: Refreshing state... [id=shop-logs]
╷
│ Error: Unsupported argument
│
│   on main.tf line 3, in resource "aws_instance" "web":
│    3:   colour = "blue"
│
│ An argument named "colour" is not expected here.
╵"""
TERRAFORM_FMT = """\
modules/vpc/main.tf
--- old/modules/vpc/main.tf
+++ new/modules/vpc/main.tf
@@ -1,5 +1,5 @@
-a = 1
+a   = 1"""
GOFMT = """\
==> Checking that code complies with gofmt requirements...
gofmt needs running on the following files:
./cart/cart.go
make: *** [Makefile:20: fmtcheck] Error 1"""
GCC = """\
gcc -c -o cart.o cart.c
cart.c: In function 'total':
cart.c:12:5: error: 'price' undeclared (first use in this function)
   12 |     price = 3;
      |     ^~~~~
make: *** [Makefile:4: cart.o] Error 1"""
PYTEST = """\
tests/test_cart.py ...F...                                               [100%]
=================================== FAILURES ===================================
__________________________________ test_total __________________________________
>       assert total([1, 2]) == 4
E       assert 3 == 4
tests/test_cart.py:12: AssertionError
=========================== short test summary info ============================
FAILED tests/test_cart.py::test_total - assert 3 == 4
========================= 1 failed, 6 passed in 0.61s =========================="""
NPM = """\
npm ERR! code ERESOLVE
npm ERR! ERESOLVE unable to resolve dependency tree
npm ERR! Found: react@17.0.2
npm ERR! A complete log of this run can be found in: /home/runner/.npm/_logs/debug.log"""
MAVEN = """\
[INFO] Compiling 12 source files to /build/target/classes
[ERROR] /build/src/main/java/shop/Cart.java:[27,12] incompatible types: int cannot be converted to Price
[INFO] BUILD FAILURE
[ERROR] Failed to execute goal maven-compiler-plugin:3.8.1:compile (default) on project shop: Compilation failure
[ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch.
[ERROR] [Help 1] http://cwiki.apache.org/confluence/display/MAVEN/MojoFailureException"""
DOCKER = """\
#5 [1/3] FROM docker.io/library/alpine
#6 [2/3] RUN apk add curll
#6 0.914 ERROR: unable to select packages:
#6 0.915   curll (no such package):
------"""
SHELL = """\
Deploying to staging
./deploy.sh: line 4: STAGE_TOKEN: unbound variable"""
DOWNLOAD = """\
go: downloading github.com/acme/log v1.2.3
go: github.com/acme/log@v1.2.3: Get "https://mirror.test/log.mod": dial tcp: lookup mirror.test: i/o timeout"""

BUILDS = [
    (GO, "--- FAIL: TestTotal (0.03s)"),
    (GO_BUILD, "cart/cart.go:51:9: undefined: newPrice"),
    (GO_PANIC, "panic: runtime error: index out of range [3] with length 3"),
    (TERRAFORM, "│ Error: Unsupported argument"),
    (GOFMT, "gofmt needs running on the following files:"),
    (GCC, "cart.c:12:5: error: 'price' undeclared (first use in this function)"),
    (PYTEST, "E       assert 3 == 4"),
    (NPM, "npm ERR! ERESOLVE unable to resolve dependency tree"),
    (MAVEN, MAVEN.splitlines()[1]),
    (DOCKER, "#6 0.914 ERROR: unable to select packages:"),
    (SHELL, "./deploy.sh: line 4: STAGE_TOKEN: unbound variable"),
    (DOWNLOAD, DOWNLOAD.splitlines()[1]),
]


@pytest.mark.parametrize(("output", "cause"), BUILDS)
def test_the_cause_stands_first_and_without_a_passing_log_among_the_first_three(output: str, cause: str) -> None:
    failing = job("make", output, fails=True)
    passing = job("make", output.splitlines()[0] if output.splitlines()[0] != cause else "ok", fails=False)
    assert failing[rank_lines(failing, passing=passing)[0]].endswith(cause)
    assert any(failing[index].endswith(cause) for index in rank_lines(failing)[:3])


@pytest.mark.parametrize("output", [output for output, _ in BUILDS])
def test_that_the_job_failed_is_never_the_first_reason(output: str) -> None:
    failing = job("make", output, fails=True)
    assert "Process completed" not in failing[rank_lines(failing, passing=job("make", "ok", fails=False))[0]]


def test_a_difference_without_any_grave_word_is_found_by_what_follows_it() -> None:
    failing = job("terraform fmt -check -diff", TERRAFORM_FMT, fails=True)
    passing = job("terraform fmt -check -diff", "", fails=False)
    order = rank_lines(failing, passing=passing)
    first = next(index for index, line in enumerate(failing) if line.endswith("Z modules/vpc/main.tf"))
    assert first in order[:5]


def test_a_failure_that_the_passing_log_has_too_yields_to_a_new_one() -> None:
    old = "WARNING: cannot reach the cache server, error 17"
    failing = job("make", f"{old}\ncart.c:12: error: missing ;", fails=True)
    order = rank_lines(failing, passing=job("make", old, fails=False))
    assert "missing ;" in failing[order[0]]
    assert order.index(4) > order.index(5)


def test_a_passed_test_with_a_grave_name_is_not_grave() -> None:
    passed = "CartTest > throwsExceptionOnFatalError() PASSED"
    failing = job("gradle test", f"{passed}\nCartTest > total() FAILED", fails=True)
    assert failing[rank_lines(failing)[0]].endswith("total() FAILED")


def test_every_line_that_is_not_blank_has_its_place_once() -> None:
    lines = ["one", "", "  ", "error 1", "error 2", "two"]
    assert sorted(rank_lines(lines)) == [0, 3, 4, 5]
    assert rank_lines([]) == []


# --- Cost ------------------------------------------------------------------------------------------------------------


def calls(work: Callable[[], object]) -> int:
    """How many functions run in a piece of work: a measure of it that no busy machine disturbs."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


TRACE = "Traceback (most recent call last):"
KINDS = [
    lambda n: f"2026-03-14 12:01:06 ERROR order {n} lost",
    lambda n: f"2026-03-14 12:01:06 ERROR {chr(97 + n % 26)}{chr(0x4E00 + n // 26)} lost",
    lambda n: f"\tat org.shop.Cart.total(Cart.java:{n})",
    lambda n: TRACE,
    lambda n: f"{' ' * (n % 50)}{TRACE}",
    lambda n: "",
    lambda n: f"Caused by: x{n}",
]


@pytest.mark.parametrize("line", KINDS)
def test_twice_the_lines_are_about_twice_the_work(line: Callable[[int], str]) -> None:
    def evidence_of(numbers: range) -> Callable[[], object]:
        item = an_item(text="\n".join(line(n) for n in numbers))
        return lambda: rank(a_failure(), some_evidence(items=(item,)))

    def log_of(numbers: range) -> Callable[[], object]:
        lines = [line(n) for n in numbers]
        return lambda: rank_lines(lines, passing=lines[: len(lines) // 2])

    def is_about_twice(work: Callable[[range], Callable[[], object]], first: int) -> bool:
        few, many = range(first + 1000, first + 1300), range(first + 2000, first + 2600)
        return calls(work(many)) < 2.6 * calls(work(few)) + 200

    for first, work in ((0, evidence_of), (100_000, log_of)):  # what was read before costs less: each line is a new one
        work(range(10))()  # the catalogue is compiled at the first use
        # Each of the catalogue's automata is made once a process, when so much has been read that it pays.
        assert any(is_about_twice(work, first + attempt * 10_000) for attempt in range(4))


def test_a_hostile_line_costs_no_more_than_its_bound() -> None:
    for text in ("(" * 3000, "at " + "x" * 3000, "/" * 3000, "1.1" * 1000, "a." * 1500, "[" * 3000, "'1" * 1500):
        each_anew = (calls(lambda line=f"{text} {word}": rank_lines([line] * 20)) for word in ("one", "two", "three"))
        assert min(each_anew) < 8000  # automata may be made in one of them
