"""The preset of Java against a real JVM, started and ended here."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from needs import need
from patience import PATIENCE_S
from preset_answers import SECRET
from preset_machine import Machine, missing, without_rights
from preset_servers import (
    found,
    place,
    running,
    version,
)

NAME = f"FailtaleShop{os.getpid()}"
"""`jcmd` finds a JVM by its name, and another process may run these tests at the same time."""

SHOP = """\
public class FailtaleShop {
    public static void main(String[] arguments) throws Exception {
        Object orders = new Object(), stock = new Object();
        lock("orders", orders, stock);
        lock("jdbc:postgresql://shop:" + arguments[0] + "@db1/shop", stock, orders);
        System.out.println("up");
        Thread.sleep(60000);
    }
    static java.util.concurrent.CyclicBarrier both = new java.util.concurrent.CyclicBarrier(2);
    static void lock(String name, Object first, Object second) {
        Thread thread = new Thread(() -> {
            synchronized (first) {
                try { both.await(); } catch (Exception impossible) { return; }
                synchronized (second) { System.out.println("never"); }
            }
        }, name);
        thread.setDaemon(true);
        thread.start();
    }
}
"""


@pytest.fixture(scope="module")
def java_classes() -> Iterator[Path]:
    need("java", "javac", "jcmd", package="default-jdk-headless")
    with place("java") as directory:
        (directory / f"{NAME}.java").write_text(SHOP.replace("FailtaleShop", NAME))
        subprocess.run([found("javac"), "-d", directory, directory / f"{NAME}.java"], check=True)
        yield directory


@contextmanager
def shop(directory: Path) -> Iterator[tuple[Machine, subprocess.Popen[bytes]]]:
    crashes, output = directory / "crashes", directory / "output"
    crashes.mkdir(exist_ok=True)
    output.unlink(missing_ok=True)
    options = ["-Xmx16m", "-Xint", "-XX:-CreateCoredumpOnCrash", f"-XX:ErrorFile={crashes}/hs_err_pid%p.log"]
    command = [found("java"), *options, "-cp", directory, NAME, SECRET]
    values = {"main": NAME, "crashes": crashes}
    machine = Machine("java", version(found("java"), "-version"), directory, values)
    with running(*command, ready=lambda: output.exists() and "up" in output.read_text(), output=output) as process:
        yield machine, process


def test_java_tells_threads_heap_and_what_it_died_of(java_classes: Path) -> None:
    with shop(java_classes) as (machine, process):
        machine.answers("empty", "crash")
        threads = machine.answers("good", "threads", "heap")["threads"].stdout
        assert "Found 1 deadlock" in threads
        assert SECRET in machine.answers("secrets", "threads")["threads"].stdout
        process.send_signal(signal.SIGSEGV)
        process.wait(PATIENCE_S)
    crash = machine.answers("good", "crash")["crash"].stdout
    assert "SIGSEGV" in crash
    assert SECRET in next((java_classes / "crashes").iterdir()).read_text()
    assert SECRET not in crash


def test_java_wants_its_own_login(java_classes: Path) -> None:
    shell = without_rights()
    (java_classes / "crashes").mkdir(exist_ok=True)
    (java_classes / "crashes").chmod(0o700)
    with shop(java_classes) as (machine, process):
        machine.values["main"] = process.pid
        machine.answers("permission-denied", shell=shell)
    (java_classes / "crashes").chmod(0o755)


def test_a_machine_without_java_is_told_as_such() -> None:
    missing("java", "threads", "heap")
