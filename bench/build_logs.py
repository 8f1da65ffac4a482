"""Small logs of build tools, made up from what these tools are known to print: noise, a labelled cause, wrappers.

Each case is written down as the lines that matter; ``@`` marks those that tell why it failed. `log_of` buries them: many
ordinary lines ahead, as a runner wraps them, and behind them what tools and runners always say when a step has failed.
The tools are not those of the recorded builds that `bench/ranking.py` measures, so that rows which only learnt those by
heart show here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

CAUSE = "@"
NOISE_LINES = 160


@dataclass(frozen=True, slots=True)
class BuildLog:
    """A log and the lines, from 0, of which each tells why the build failed."""

    name: str
    lines: tuple[str, ...]
    causes: frozenset[int]


def build_logs() -> Iterator[BuildLog]:
    """All cases, each the same at every call."""
    for number, (name, runner, text) in enumerate(CASES):
        yield log_of(name, text, runner=runner, seed=number)


def log_of(name: str, text: str, *, runner: str, seed: int) -> BuildLog:
    """One case within the noise and the wrappers of a runner."""
    told = text.strip("\n").split("\n")
    causes = [number for number, line in enumerate(told) if line.startswith(CAUSE)]
    noise = _noise(random.Random(seed))
    before, wrap, after = RUNNERS[runner]
    lines = [*before, *noise, *(line.removeprefix(CAUSE) for line in told)]
    start = len(before) + len(noise)
    return BuildLog(name, tuple([*map(wrap, lines), *after]), frozenset(start + number for number in causes))


def _noise(pick: random.Random) -> list[str]:
    """What goes well, in words that look grave here and there."""
    parts = ("error", "failure", "retry", "cart", "price", "panic", "fatal", "order", "abort", "crash")
    forms = (
        "[{n}/400] Building CXX object src/CMakeFiles/shop.dir/{a}_{b}.cpp.o",
        "  adding: lib/{a}/{b}_handler.py (deflated {n}%)",
        "Downloaded {a}-{b} v1.{n}.0",
        "ok      shop/internal/{a}/{b}  0.{n}s",
        "tests/test_{a}.py::test_{b}_{n} PASSED",
        "warning: unused variable `{a}_{b}` in line {n}",
        "Get:{n} http://archive.test/pool/main/lib{a}-{b}-dev amd64 1.{n}-2",
        "{n:03d} INFO  resolved {a}.{b} from the cache",
    )
    return [
        pick.choice(forms).format(n=pick.randrange(100, 400), a=pick.choice(parts), b=pick.choice(parts))
        for _ in range(NOISE_LINES)
    ]


Wrap = Callable[[str], str]


def _github(line: str) -> str:
    return f"2026-05-03T10:11:12.1234567Z {line}"


RUNNERS: dict[str, tuple[list[str], Wrap, list[str]]] = {
    "plain": ([], str, []),
    "github": (
        ["##[group]Run ./ci/build.sh", "\x1b[36;1m./ci/build.sh || echo failed\x1b[0m", "##[endgroup]"],
        _github,
        [
            "2026-05-03T10:11:13.1234567Z ##[error]Process completed with exit code 1.",
            "2026-05-03T10:11:13.2234567Z Post job cleanup.",
            "2026-05-03T10:11:13.3234567Z [command]/usr/bin/git config --local --unset-all http.extraheader",
            "2026-05-03T10:11:13.4234567Z Cleaning up orphan processes",
        ],
    ),
    "gitlab": (
        ["Running with gitlab-runner 17.2.0 (abcdef12)", "Getting source from Git repository", "$ ./ci/build.sh"],
        str,
        [
            "Uploading artifacts for failed job",
            "WARNING: reports/*.xml: no matching files. Ensure that the artifact path is relative to the working directory",
            "ERROR: No files to upload",
            "Cleaning up project directory and file based variables",
            "ERROR: Job failed: exit code 1",
        ],
    ),
    "azure": (
        ["##[section]Starting: Build", "=======================", "Task         : Command line"],
        _github,
        [
            "2026-05-03T10:11:13.1234567Z ##[error]Bash exited with code '1'.",
            "2026-05-03T10:11:13.2234567Z ##[section]Finishing: Build",
        ],
    ),
    "jenkins": (
        ["Started by an SCM change", "[Pipeline] sh", "+ ./ci/build.sh"],
        str,
        [
            "[Pipeline] }",
            "[Pipeline] // stage",
            "[Pipeline] End of Pipeline",
            "ERROR: script returned exit code 2",
            "Finished: FAILURE",
        ],
    ),
}

CASES: tuple[tuple[str, str, str], ...] = (
    ("npm, peer dependency", "github", """
npm error code ERESOLVE
@npm error ERESOLVE unable to resolve dependency tree
npm error
npm error While resolving: shop@1.5.0
npm error Found: react@19.0.0
npm error node_modules/react
@npm error Could not resolve dependency:
@npm error peer react@"^18.2.0" from shop-widgets@4.1.0
npm error
npm error Fix the upstream dependency conflict, or retry
npm error this command with --force or --legacy-peer-deps
npm error A complete log of this run can be found in: /home/runner/.npm/_logs/2026-05-03-debug-0.log
"""),
    ("npm, lock file", "gitlab", """
npm error code EUSAGE
npm error
@npm error `npm ci` can only install packages when your package.json and package-lock.json are in sync.
npm error
@npm error Missing: left-pad@1.3.0 from lock file
npm error
npm error Clean install a project
npm error
npm error Usage:
npm error npm ci
npm error A complete log of this run can be found in: /root/.npm/_logs/x-debug-0.log
"""),
    ("yarn, frozen lock file", "github", """
yarn install v1.22.22
[1/4] Resolving packages...
@error Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`.
info Visit https://yarnpkg.com/en/docs/cli/install for documentation about this command.
"""),
    ("pnpm, no package", "jenkins", """
Progress: resolved 12, reused 10, downloaded 0, added 0
@ERR_PNPM_NO_MATCHING_VERSION  No matching version found for shop-core@^9.0.0
This error happened while installing a direct dependency of /workspace/shop
The latest release of shop-core is "4.2.0".
If you need the full list of all 12 published versions run "$ pnpm view shop-core versions".
"""),
    ("webpack, module", "plain", """
assets by status 1.2 MiB [cached] 12 assets
@ERROR in ./src/cart/total.ts 3:0-42
@Module not found: Error: Can't resolve '../money/round' in '/app/src/cart'
 @ ./src/index.ts 12:0-33
webpack 5.98.0 compiled with 1 error in 8123 ms
error Command failed with exit code 1.
"""),
    ("tsc", "azure", """
> shop@1.5.0 build
> tsc -p .
@src/cart/total.ts(31,7): error TS2322: Type 'string' is not assignable to type 'number'.
npm ERR! code ELIFECYCLE
npm ERR! errno 2
npm ERR! shop@1.5.0 build: `tsc -p .`
npm ERR! Exit status 2
"""),
    ("eslint", "github", """
/home/runner/work/shop/src/cart.js
   3:10  warning  'rounded' is defined but never used  no-unused-vars
@  41:5   error    'total' is not defined               no-undef

\u2716 2 problems (1 error, 1 warning)
"""),
    ("jest", "github", """
FAIL src/cart.test.ts (5.2 s)
  cart
    \u2713 is empty at first (3 ms)
@    \u2715 adds tax (8 ms)

@  \u25cf cart \u203a adds tax

@    expect(received).toBe(expected) // Object.is equality

@    Expected: 23.8
@    Received: 20

      12 |   it('adds tax', () => {
    > 13 |     expect(total(cart)).toBe(23.8);
         |                         ^

      at Object.<anonymous> (src/cart.test.ts:13:25)

Test Suites: 1 failed, 41 passed, 42 total
Tests:       1 failed, 512 passed, 513 total
Ran all test suites.
"""),
    ("mocha", "jenkins", """
  511 passing (12s)
  1 failing

@  1) cart adds tax:

@      AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:
@      + actual - expected

      + 20
      - 23.8
      at Context.<anonymous> (test/cart.js:13:12)
      at process.processImmediate (node:internal/timers:483:21)

npm error Lifecycle script `test` failed with error:
npm error code 1
npm error path /workspace
npm error workspace shop@1.5.0
"""),
    ("pip, no version", "gitlab", """
Collecting requests
@ERROR: Could not find a version that satisfies the requirement shop-core==9.1 (from versions: 1.0, 1.1)
@ERROR: No matching distribution found for shop-core==9.1
"""),
    ("pip, compiler missing", "github", """
  Building wheel for fastmoney (pyproject.toml): started
  error: subprocess-exited-with-error
  \u00d7 Building wheel for fastmoney (pyproject.toml) did not run successfully.
  \u2502 exit code: 1
  \u2570\u2500> [24 lines of output]
      running bdist_wheel
      building 'fastmoney._c' extension
      x86_64-linux-gnu-gcc -fPIC -Iinclude -c src/money.c -o build/money.o
@      src/money.c:4:10: fatal error: gmp.h: No such file or directory
          4 | #include <gmp.h>
            |          ^~~~~~~
      compilation terminated.
      error: command '/usr/bin/x86_64-linux-gnu-gcc' failed with exit code 1
      [end of output]
  note: This error originates from a subprocess, and is likely not a problem with pip.
  ERROR: Failed building wheel for fastmoney
ERROR: Could not build wheels for fastmoney, which is required to install pyproject.toml-based projects
"""),
    ("poetry", "plain", """
Resolving dependencies... (12.1s)

@Because shop depends on orders (^2.0) which requires pydantic (<2.0), pydantic is forbidden.
@So, because shop depends on pydantic (^2.7), version solving failed.
"""),
    ("pytest", "gitlab", """
=================================== FAILURES ===================================
_________________________________ test_tax _____________________________________

    def test_tax():
>       assert total(Cart("book")) == 23.8
@E       assert 20.0 == 23.8
E        +  where 20.0 = total(Cart('book'))

tests/test_cart.py:13: AssertionError
=========================== short test summary info ============================
@FAILED tests/test_cart.py::test_tax - assert 20.0 == 23.8
======================== 1 failed, 512 passed in 31.20s ========================
"""),
    ("unittest", "jenkins", """
..........F.....
======================================================================
@FAIL: test_tax (tests.test_cart.CartTest.test_tax)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/workspace/tests/test_cart.py", line 13, in test_tax
    self.assertEqual(total(Cart("book")), 23.8)
@AssertionError: 20.0 != 23.8

----------------------------------------------------------------------
Ran 513 tests in 31.204s

FAILED (failures=1)
"""),
    ("mypy and ruff", "github", """
Success: no issues found in 12 source files
@src/shop/cart.py:31: error: Incompatible return value type (got "str", expected "float")  [return-value]
Found 1 error in 1 file (checked 152 source files)
make: *** [Makefile:12: lint] Error 1
"""),
    ("cargo", "github", """
   Compiling shop-core v0.4.1 (/home/runner/work/shop/core)
@error[E0308]: mismatched types
@  --> core/src/cart.rs:31:9
   |
30 | fn total() -> f64 {
   |               --- expected `f64` because of return type
31 |         "20"
@   |         ^^^^ expected `f64`, found `&str`

For more information about this error, try `rustc --explain E0308`.
error: could not compile `shop-core` (lib) due to 1 previous error
warning: build failed, waiting for other jobs to finish...
"""),
    ("cargo test", "gitlab", """
test cart::adds_tax ... FAILED
test cart::is_empty ... ok

failures:

---- cart::adds_tax stdout ----

@thread 'cart::adds_tax' panicked at core/src/cart.rs:51:9:
@assertion `left == right` failed
@  left: 20.0
@ right: 23.8
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace

failures:
    cart::adds_tax

test result: FAILED. 41 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.31s

error: test failed, to rerun pass `-p shop-core --lib`
"""),
    ("go build", "azure", """
go: downloading golang.org/x/text v0.14.0
# shop/internal/cart
@internal/cart/total.go:31:9: cannot use "20" (untyped string constant) as float64 value in return statement
make: *** [Makefile:8: build] Error 1
"""),
    ("go test, data race", "github", """
=== RUN   TestParallelOrders
==================
@WARNING: DATA RACE
Read at 0x00c0001a4008 by goroutine 12:
  shop/internal/cart.(*Cart).Total()
      /home/runner/work/shop/internal/cart/total.go:31 +0x44
==================
    testing.go:1398: race detected during execution of test
@--- FAIL: TestParallelOrders (0.03s)
FAIL
FAIL\tshop/internal/cart\t0.310s
ok  \tshop/internal/price\t0.021s
FAIL
"""),
    ("maven, compilation", "jenkins", """
[INFO] --- compiler:3.13.0:compile (default-compile) @ shop ---
[INFO] Compiling 41 source files with javac [debug target 21] to target/classes
[INFO] -------------------------------------------------------------
[ERROR] COMPILATION ERROR :
[INFO] -------------------------------------------------------------
@[ERROR] /workspace/src/main/java/shop/Cart.java:[31,16] incompatible types: java.lang.String cannot be converted to double
[INFO] 1 error
[INFO] -------------------------------------------------------------
[INFO] BUILD FAILURE
[ERROR] Failed to execute goal org.apache.maven.plugins:maven-compiler-plugin:3.13.0:compile (default-compile) on project shop: Compilation failure
[ERROR] -> [Help 1]
[ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch.
"""),
    ("maven, artifact", "gitlab", """
[INFO] BUILD FAILURE
[INFO] ------------------------------------------------------------------------
[INFO] Total time:  3.120 s
@[ERROR] Failed to execute goal on project shop: Could not resolve dependencies for project test.shop:shop:jar:1.5.0: Could not find artifact test.shop:core:jar:9.1 in central (https://repo.test/maven2)
[ERROR]
[ERROR] To see the full stack trace of the errors, re-run Maven with the -e switch.
[ERROR] For more information about the errors and possible solutions, please read the following articles:
[ERROR] [Help 1] http://cwiki.test/DependencyResolutionException
"""),
    ("gradle, javac", "github", """
> Task :core:compileJava FAILED
@/home/runner/work/shop/core/src/main/java/shop/Cart.java:31: error: incompatible types: String cannot be converted to double
        return "20";
               ^
1 error

FAILURE: Build failed with an exception.

* What went wrong:
Execution failed for task ':core:compileJava'.
> Compilation failed; see the compiler error output for details.

* Try:
> Run with --info option to get more log output.

BUILD FAILED in 31s
"""),
    ("gradle, junit", "azure", """
> Task :core:test

@CartTest > addsTax() FAILED
@    org.opentest4j.AssertionFailedError at CartTest.java:31

41 tests completed, 1 failed

> Task :core:test FAILED

FAILURE: Build failed with an exception.

* What went wrong:
Execution failed for task ':core:test'.
> There were failing tests. See the report at: file:///workspace/core/build/reports/tests/test/index.html
"""),
    ("cmake, package", "plain", """
-- Performing Test HAVE_STRERROR_R - Failed
-- Looking for pthread_create - not found
@CMake Error at CMakeLists.txt:31 (find_package):
@  Could not find a package configuration file provided by "fmt" (requested
  version 10) with any of the following names:

    fmtConfig.cmake
    fmt-config.cmake

-- Configuring incomplete, errors occurred!
See also "/build/CMakeFiles/CMakeOutput.log".
"""),
    ("ninja, linker", "gitlab", """
[399/400] Linking CXX executable shop
FAILED: shop
: && /usr/bin/c++ -O2 src/main.cpp.o src/cart.cpp.o -o shop && :
@/usr/bin/ld: src/main.cpp.o: in function `main':
@main.cpp:(.text.startup+0x31): undefined reference to `shop::total(shop::Cart const&)'
collect2: error: ld returned 1 exit status
ninja: build stopped: subcommand failed.
"""),
    ("clang, library missing", "jenkins", """
clang++ -o shop main.o cart.o -lfmt
@ld.lld: error: unable to find library -lfmt
clang++: error: linker command failed with exit code 1 (use -v to see invocation)
make[2]: *** [src/CMakeFiles/shop.dir/build.make:97: shop] Error 1
make[1]: *** [CMakeFiles/Makefile2:83: src/CMakeFiles/shop.dir/all] Error 2
make: *** [Makefile:136: all] Error 2
"""),
    ("make, no rule", "github", """
make[1]: Entering directory '/home/runner/work/shop/docs'
@make[1]: *** No rule to make target 'cart.md', needed by 'site'.  Stop.
make[1]: Leaving directory '/home/runner/work/shop/docs'
make: *** [Makefile:44: docs] Error 2
"""),
    ("ctest, googletest", "gitlab", """
[ RUN      ] Cart.AddsTax
@/builds/shop/test/cart_test.cpp:31: Failure
@Expected equality of these values:
@  total(cart)
@    Which is: 20
@  23.8
@[  FAILED  ] Cart.AddsTax (0 ms)
[----------] 12 tests from Cart (3 ms total)
[  PASSED  ] 11 tests.
[  FAILED  ] 1 test, listed below:
@[  FAILED  ] Cart.AddsTax

 1 FAILED TEST
The following tests FAILED:
\t  3 - cart_test (Failed)
Errors while running CTest
"""),
    ("address sanitizer", "github", """
=================================================================
@==4711==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010 at pc 0x55d0 bp 0x7ffd sp 0x7ffc
READ of size 4 at 0x602000000010 thread T0
    #0 0x55d0 in shop::total(shop::Cart const&) /src/cart.cpp:31:9
    #1 0x55d1 in main /src/main.cpp:12:3
@SUMMARY: AddressSanitizer: heap-use-after-free /src/cart.cpp:31:9 in shop::total(shop::Cart const&)
==4711==ABORTING
"""),
    ("valgrind", "jenkins", """
==4711== Memcheck, a memory error detector
@==4711== Invalid read of size 8
==4711==    at 0x4011A6: total (cart.c:31)
==4711==    by 0x4011F0: main (main.c:12)
==4711== ERROR SUMMARY: 1 errors from 1 contexts (suppressed: 0 from 0)
"""),
    ("msbuild", "azure", """
  Determining projects to restore...
  All projects are up-to-date for restore.
@/src/Shop/Cart.cs(31,16): error CS0029: Cannot implicitly convert type 'string' to 'double' [/src/Shop/Shop.csproj]

Build FAILED.

@/src/Shop/Cart.cs(31,16): error CS0029: Cannot implicitly convert type 'string' to 'double' [/src/Shop/Shop.csproj]
    0 Warning(s)
    1 Error(s)

Time Elapsed 00:00:12.31
"""),
    ("nuget", "azure", """
  Determining projects to restore...
@/src/Shop/Shop.csproj : error NU1101: Unable to find package Shop.Core. No packages exist with this id in source(s): nuget.org
  Failed to restore /src/Shop/Shop.csproj (in 312 ms).
"""),
    ("dotnet test", "github", """
Starting test execution, please wait...
@  Failed Shop.Tests.CartTests.AddsTax [12 ms]
  Error Message:
@   Assert.Equal() Failure: Values differ
@Expected: 23.8
@Actual:   20
  Stack Trace:
     at Shop.Tests.CartTests.AddsTax() in /src/Shop.Tests/CartTests.cs:line 31
Failed!  - Failed:     1, Passed:   512, Skipped:     0, Total:   513, Duration: 3 s - Shop.Tests.dll (net9.0)
"""),
    ("bazel", "plain", """
INFO: Analyzed target //shop:cart (41 packages loaded, 512 targets configured).
ERROR: /src/shop/BUILD.bazel:12:11: Compiling shop/cart.cc failed: (Exit 1): gcc failed: error executing CppCompile command
Use --sandbox_debug to see verbose messages from the sandbox
@shop/cart.cc:31:10: error: 'round_up' was not declared in this scope
   31 |   return round_up(total);
      |          ^~~~~~~~
Target //shop:cart failed to build
Use --verbose_failures to see the command lines of failed build steps.
INFO: Elapsed time: 12.310s, Critical Path: 3.12s
ERROR: Build did NOT complete successfully
"""),
    ("docker build", "gitlab", """
#12 [build 5/7] RUN npm ci --omit=dev
#12 3.120 npm error code E404
@#12 3.121 npm error 404 Not Found - GET https://registry.test/shop-core - Not found
@#12 3.121 npm error 404  'shop-core@^9.1.0' is not in this registry.
#12 ERROR: process "/bin/sh -c npm ci --omit=dev" did not complete successfully: exit code: 1
------
 > [build 5/7] RUN npm ci --omit=dev:
------
Dockerfile:14
--------------------
  14 | >>> RUN npm ci --omit=dev
--------------------
ERROR: failed to solve: process "/bin/sh -c npm ci --omit=dev" did not complete successfully: exit code: 1
"""),
    ("docker pull", "jenkins", """
Step 1/12 : FROM registry.test/shop/base:9.1
@manifest for registry.test/shop/base:9.1 not found: manifest unknown: manifest unknown
"""),
    ("terraform", "github", """
Terraform will perform the following actions:
  # aws_instance.shop will be created
Plan: 1 to add, 0 to change, 0 to destroy.
aws_instance.shop: Creating...
\u2577
@\u2502 Error: creating EC2 Instance: VcpuLimitExceeded: You have requested more vCPU capacity than your current limit of 32
\u2502
\u2502   with aws_instance.shop,
\u2502   on main.tf line 31, in resource "aws_instance" "shop":
\u2502   31: resource "aws_instance" "shop" {
\u2502
\u2575
"""),
    ("ansible", "gitlab", """
TASK [shop : install packages] *************************************************
ok: [web1]
@fatal: [app1]: FAILED! => {"changed": false, "msg": "No package matching 'shop-core' is available"}

NO MORE HOSTS LEFT *************************************************************

PLAY RECAP *********************************************************************
app1                       : ok=3    changed=1    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0
web1                       : ok=12   changed=4    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
"""),
    ("helm", "azure", """
Release "shop" does not exist. Installing it now.
@Error: INSTALLATION FAILED: template: shop/templates/deployment.yaml:31:20: executing "shop/templates/deployment.yaml" at <.Values.image.tag>: nil pointer evaluating interface {}.tag
helm.go:84: [debug] nil pointer
"""),
    ("kubectl rollout", "github", """
Waiting for deployment "shop" rollout to finish: 1 out of 3 new replicas have been updated...
@Warning  Failed  12s (x4 over 2m)  kubelet  Failed to pull image "registry.test/shop:9.1": not found
Warning  BackOff  5s (x9 over 2m)  kubelet  Back-off restarting
error: deployment "shop" exceeded its progress deadline
"""),
    ("apt", "gitlab", """
Reading package lists...
Building dependency tree...
@E: Unable to locate package libshop-dev
"""),
    ("apt, unmet", "jenkins", """
Some packages could not be installed. This may mean that you have
requested an impossible situation or if you are using the unstable
distribution that some required packages have not yet been created.
The following packages have unmet dependencies:
@ shop : Depends: libshop2 (>= 2.4) but 2.1-1 is to be installed
@E: Unable to correct problems, you have held broken packages.
"""),
    ("apt, repository", "github", """
Get:1 http://archive.test/ubuntu noble InRelease [256 kB]
@E: The repository 'http://ppa.test/shop noble Release' does not have a Release file.
N: Updating from such a repository can't be done securely, and is therefore disabled by default.
N: See apt-secure(8) manpage for repository creation and user configuration details.
"""),
    ("dnf in mock", "plain", """
INFO: mock.py version 5.6 starting (python version = 3.12.4)
Start: build setup for shop-1.5.0-1.fc41.src.rpm
Updating and loading repositories:
Failed to resolve the transaction:
@No match for argument: libshop-devel >= 2.4
You can try to add to command line:
  --skip-unavailable to skip unavailable packages
ERROR: Exception(shop-1.5.0-1.fc41.src.rpm) Config(fedora-41-x86_64) 0 minutes 31 seconds
INFO: Results and/or logs in: /var/lib/mock/result
ERROR: Command failed:
 # /usr/bin/systemd-nspawn -q -M 0123 -D /var/lib/mock/root dnf5 builddep shop.src.rpm
"""),
    ("dnf, nothing provides", "jenkins", """
Error:
@ Problem: conflicting requests
@  - nothing provides libmoney.so.3()(64bit) needed by shop-1.5.0-1.el9.x86_64 from updates
(try to add '--skip-broken' to skip uninstallable packages or '--nobest' to use not only best candidate packages)
"""),
    ("rpmbuild, patch", "plain", """
+ /usr/bin/patch -p1 -s --fuzz=0 --no-backup-if-mismatch -f
@1 out of 3 hunks FAILED -- saving rejects to file src/cart.c.rej
error: Bad exit status from /var/tmp/rpm-tmp.kX1 (%prep)

RPM build errors:
    Bad exit status from /var/tmp/rpm-tmp.kX1 (%prep)
Child return code was: 1
EXCEPTION: [Error('Command failed: \\n # bash --login -c /usr/bin/rpmbuild -bb shop.spec\\n', 1)]
Traceback (most recent call last):
  File "/usr/lib/python3.12/site-packages/mockbuild/trace_decorator.py", line 93, in trace
    result = func(*args, **kw)
  File "/usr/lib/python3.12/site-packages/mockbuild/util.py", line 612, in do_with_status
    raise exception.Error("Command failed: \\n # %s\\n%s" % (command, output), child.returncode)
mockbuild.exception.Error: Command failed:
 # bash --login -c /usr/bin/rpmbuild -bb shop.spec
"""),
    ("rpmbuild, files", "plain", """
Processing files: shop-1.5.0-1.fc41.x86_64
@error: File not found: /builddir/build/BUILDROOT/shop-1.5.0-1.fc41.x86_64/usr/share/man/man1/shop.1.gz

RPM build errors:
@    File not found: /builddir/build/BUILDROOT/shop-1.5.0-1.fc41.x86_64/usr/share/man/man1/shop.1.gz
Finish: rpmbuild shop-1.5.0-1.fc41.src.rpm
Finish: build phase for shop-1.5.0-1.fc41.src.rpm
ERROR: Exception(shop-1.5.0-1.fc41.src.rpm) Config(fedora-41-x86_64) 3 minutes 12 seconds
ERROR: Command failed:
"""),
    ("Mozilla, crash", "plain", """
10:11:12     INFO - TEST-START | toolkit/test_cart.html
10:11:13     INFO - mozcrash Copy/paste: minidump-stackwalk /tmp/a.dmp
@10:11:14    ERROR - PROCESS-CRASH | toolkit/test_cart.html | application crashed [@ shop::Cart::Total]
10:11:14     INFO - Crash reason:  SIGSEGV / SEGV_MAPERR
10:11:15     INFO - TEST-INFO took 3120ms
10:11:16    ERROR - Return code: 1
10:11:16  WARNING - setting return code to 1
10:11:16    FATAL - Running post_fatal callback...
10:11:16    FATAL - Exiting -1
"""),
    ("Mozilla, unexpected", "plain", """
10:11:12     INFO - TEST-START | browser/test_price.js
@10:11:14    ERROR - TEST-UNEXPECTED-FAIL | browser/test_price.js | price shows - Got 20, expected 23.8
10:11:14     INFO - Stack trace:
10:11:14     INFO -     chrome://mochikit/content/browser-test.js:test_is:1591
10:11:15     INFO - Buffered messages finished
10:11:16    ERROR - Got 1 unexpected statuses
10:11:16     INFO - Return code: 1
10:11:16  WARNING - setting return code to 1
"""),
    ("phpunit", "gitlab", """
There was 1 failure:

@1) Shop\\Tests\\CartTest::testAddsTax
@Failed asserting that 20.0 matches expected 23.8.

/builds/shop/tests/CartTest.php:31

FAILURES!
Tests: 513, Assertions: 1201, Failures: 1.
Script phpunit handling the test event returned with error code 1
"""),
    ("rspec", "github", """
Failures:

@  1) Cart adds tax
@     Failure/Error: expect(cart.total).to eq(23.8)

@       expected: 23.8
@            got: 20.0

     # ./spec/cart_spec.rb:31:in `block (2 levels) in <top (required)>'

Finished in 3.12 seconds (files took 1.2 seconds to load)
513 examples, 1 failure

Failed examples:

@rspec ./spec/cart_spec.rb:29 # Cart adds tax
"""),
    ("bundler", "jenkins", """
Fetching gem metadata from https://rubygems.test/.........
@Could not find compatible versions

@Because shop-core >= 9.1 depends on ruby >= 3.4
  and the current Ruby version is = 3.2.2,
@  shop-core >= 9.1 cannot be used.
"""),
    ("git, submodule", "github", """
Submodule 'vendor/money' (https://git.test/money.git) registered for path 'vendor/money'
Cloning into '/home/runner/work/shop/vendor/money'...
@remote: Repository not found.
@fatal: repository 'https://git.test/money.git/' not found
fatal: clone of 'https://git.test/money.git' into submodule path 'vendor/money' failed
Failed to clone 'vendor/money'. Retry scheduled
Failed to clone 'vendor/money' a second time, aborting
"""),
    ("git, merge", "jenkins", """
 > git merge origin/main # timeout=10
Auto-merging src/cart.c
@CONFLICT (content): Merge conflict in src/cart.c
Automatic merge failed; fix conflicts and then commit the result.
"""),
    ("runner, disk", "github", """
  CC       src/cart.o
@cc1: fatal error: error writing to /tmp/ccX1.s: No space left on device
compilation terminated.
make: *** [Makefile:31: src/cart.o] Error 1
"""),
    ("runner, network", "gitlab", """
Downloading https://files.test/shop-core-9.1.tar.gz
@curl: (6) Could not resolve host: files.test
make: *** [Makefile:12: vendor] Error 6
"""),
    ("runner, killed", "gitlab", """
[399/400] Linking CXX executable shop
@c++: fatal error: Killed signal terminated program cc1plus
compilation terminated.
ninja: build stopped: subcommand failed.
"""),
    ("runner, time", "azure", """
Running the end-to-end suite
@##[error]The job running on agent Hosted Agent ran longer than the maximum time of 60 minutes.
##[error]The operation was canceled.
"""),
    ("gitlab, image", "plain", """
Running with gitlab-runner 17.2.0 (abcdef12)
Preparing the "docker" executor
Using Docker executor with image registry.test/shop/ci:9.1 ...
@WARNING: Failed to pull image with policy "always": Error response from daemon: pull access denied for registry.test/shop/ci, repository does not exist or may require 'docker login' (manager.go:254:0s)
ERROR: Job failed: failed to pull image "registry.test/shop/ci:9.1" with specified policies [always]
"""),
    ("codecov", "github", """
info - 2026-05-03 10:11:12,100 -- ci service found: github-actions
@error - 2026-05-03 10:11:12,312 -- Upload failed: {"detail":"Token required because branch is protected"}
Error: Codecov: Failed to properly upload report: The process '/home/runner/codecov' failed with exit code 1
"""),
    ("shell, command", "gitlab", """
$ ./ci/deploy.sh
@./ci/deploy.sh: line 31: jq: command not found
"""),
    ("shell, permission", "github", """
@/home/runner/work/_temp/1234.sh: line 1: ./gradlew: Permission denied
"""),
    ("python, import", "jenkins", """
+ python -m shop.migrate
Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
  File "/workspace/shop/migrate.py", line 3, in <module>
    import money
@ModuleNotFoundError: No module named 'money'
"""),
    ("node, module", "github", """
node:internal/modules/cjs/loader:1228
  throw err;
  ^

@Error: Cannot find module 'money'
Require stack:
- /home/runner/work/shop/index.js
    at Module._resolveFilename (node:internal/modules/cjs/loader:1225:15)
    at Module._load (node:internal/modules/cjs/loader:1051:27)
  code: 'MODULE_NOT_FOUND',
  requireStack: [ '/home/runner/work/shop/index.js' ]
}

Node.js v22.3.0
"""),
    ("sbt", "jenkins", """
[info] compiling 41 Scala sources to /workspace/target/scala-3.4/classes ...
@[error] -- [E007] Type Mismatch Error: /workspace/src/main/scala/Cart.scala:31:4
@[error] 31 |    "20"
[error]    |    ^^^^
@[error]    |    Found:    ("20" : String)
@[error]    |    Required: Double
[error] one error found
[error] (Compile / compileIncremental) Compilation failed
[error] Total time: 12 s, completed May 3, 2026
"""),
    ("xcodebuild", "github", """
CompileSwift normal arm64 /Users/runner/work/shop/Cart.swift
@/Users/runner/work/shop/Cart.swift:31:12: error: cannot convert return expression of type 'String' to return type 'Double'
** BUILD FAILED **

The following build commands failed:
\tCompileSwift normal arm64 /Users/runner/work/shop/Cart.swift
(1 failure)
"""),
    ("flutter", "azure", """
Resolving dependencies...
@Because shop depends on money ^9.1.0 which doesn't match any versions, version solving failed.
Failed to update packages.
"""),
    ("elixir", "gitlab", """
Compiling 41 files (.ex)

@== Compilation error in file lib/shop/cart.ex ==
@** (CompileError) lib/shop/cart.ex:31: undefined function round_up/1 (expected Shop.Cart to define such a function)
"""),
    ("nix", "github", """
building '/nix/store/abc-shop-1.5.0.drv'...
error: builder for '/nix/store/abc-shop-1.5.0.drv' failed with exit code 2;
       last 3 log lines:
       > building
@       > cart.c:31:10: fatal error: money.h: No such file or directory
       > compilation terminated.
       For full logs, run 'nix log /nix/store/abc-shop-1.5.0.drv'.
error: 1 dependencies of derivation '/nix/store/def-env.drv' failed to build
"""),
    ("yocto", "jenkins", """
NOTE: Executing Tasks
ERROR: shop-1.5.0-r0 do_compile: oe_runmake failed
ERROR: shop-1.5.0-r0 do_compile: ExecutionError('/build/tmp/work/shop/temp/run.do_compile.71', 1, None, None)
ERROR: Logfile of failure stored in: /build/tmp/work/shop/temp/log.do_compile.71
Log data follows:
| DEBUG: Executing shell function do_compile
@| cart.c:31:10: error: implicit declaration of function 'round_up' [-Werror=implicit-function-declaration]
| make: *** [Makefile:12: cart.o] Error 1
| ERROR: oe_runmake failed
ERROR: Task (/build/meta/shop_1.5.0.bb:do_compile) failed with exit code '1'
NOTE: Tasks Summary: Attempted 812 tasks of which 800 didn't need to be rerun and 1 failed.
Summary: There were 2 ERROR messages, returning a non-zero exit code.
"""),
)  # fmt: skip
