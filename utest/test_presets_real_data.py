"""The presets of databases and queues against the real programs, on loopback, started and ended here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import needs
import pytest
from host_shells import HostShell
from needs import find, need
from ports import free_port
from preset_answers import SECRET, ask
from preset_machine import SHELLS, Machine, is_quiet, locked_logs, missing, without_rights
from preset_servers import (
    IS_ROOT,
    JOURNAL_REMOTE,
    as_user,
    found,
    journal,
    listens,
    place,
    program,
    running,
    version,
    wait_for,
)

from FailTaleLibrary.collection.baselines import changes, masked
from FailTaleLibrary.config import Collector

# --- Redis ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def redis() -> Iterator[Machine]:
    need("redis-server", "redis-cli", package="redis-server")
    with place("redis") as directory:
        port, logs = free_port(), directory / "logs"
        command = [found("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--dir", directory]
        command += ["--save", "", "--latency-monitor-threshold", "1", "--logfile", logs / "redis-server.log"]
        machine = Machine("redis", version(found("redis-server"), "-v"), directory, {"port": port, "logs": logs}, port)
        with running(*command, ready=listens(port), output=directory / "output"):
            yield machine


def redis_cli(machine: Machine, *words: str) -> None:
    subprocess.run([found("redis-cli"), "-p", str(machine.port), *words], check=True, capture_output=True)


def test_a_redis_without_slow_events_says_nothing_of_them(redis: Machine) -> None:
    redis_cli(redis, "LATENCY", "RESET")
    is_quiet(redis, "latency", "log")


@pytest.mark.parametrize("shell", SHELLS, ids=str)
def test_redis_tells_its_state_its_latency_and_its_log(redis: Machine, shell: HostShell) -> None:
    redis_cli(redis, "EVAL", "local s = 0 for i = 1, 2000000 do s = s + i end return s", "0")
    redis_cli(redis, "SET", "key", "value")
    redis.answers("good", shell=shell)
    state = redis.item("state", shell=shell).text.splitlines()
    assert {"role:master", "maxclients:10000", "rejected_connections:0"} <= set(state)
    assert redis.item("latency", shell=shell).text.startswith("command ")


def test_redis_wants_the_password_of_the_logins_environment(redis: Machine) -> None:
    redis_cli(redis, "CONFIG", "SET", "requirepass", SECRET)
    try:
        redis.answers("permission-denied", "state", "latency")
        program(redis.directory, "redis-cli", f'REDISCLI_AUTH={SECRET} exec {found("redis-cli")} "$@"')
        redis.answers("secrets", "state", "latency", "log")
        assert redis.item("state").status == "ok"
    finally:
        (redis.directory / "bin/redis-cli").unlink()
        subprocess.run(
            [found("redis-cli"), "-p", str(redis.port), "CONFIG", "SET", "requirepass", ""],
            env=os.environ | {"REDISCLI_AUTH": SECRET},
            check=True,
            capture_output=True,
        )


def test_the_log_of_redis_wants_a_group(redis: Machine) -> None:
    shell, logs = without_rights(), locked_logs(redis)
    try:
        redis.answers("permission-denied", "log", shell=shell)
    finally:
        logs.chmod(0o755)


def test_a_machine_without_redis_is_told_as_such() -> None:
    missing("redis")


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Machine]:
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs or find("psql") is None:
        needs.missing("postgres", needs.apt("postgresql"))
    bin_ = programs[-1]
    with place("postgresql") as directory, ExitStack() as stack:
        user = as_user("postgres")
        if IS_ROOT:
            subprocess.run(["chown", "-R", "postgres", directory], check=True)
        data, log = directory / "data", directory / "logs/postgresql-15-main.log"
        initdb = [*user, bin_ / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-N", "--no-locale"]
        subprocess.run(initdb, check=True, capture_output=True, cwd="/")
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": directory,
            "fsync": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] %q%u@%d ",
            "deadlock_timeout": "100ms",
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        server = [*user, bin_ / "postgres", "-D", data, *words]
        log.touch()
        values = {"connection": f"host={directory} user=postgres dbname=postgres", "logs": directory / "logs"}
        machine = Machine("postgresql", version(str(bin_ / "postgres"), "--version"), directory, values)
        stack.enter_context(
            running(*server, ready=lambda: "ready to accept" in log.read_text(), output=log, stop=signal.SIGINT)
        )
        is_quiet(machine, "sessions", "blocked", "replication", "log")
        yield machine


def sql(machine: Machine, text: str) -> str:
    command = [found("psql"), "-XAtw", "-d", str(machine.values["connection"]), "-c", text]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@contextmanager
def session(machine: Machine, text: str, *, until: str) -> Iterator[None]:
    """A session that runs a statement, from when `until` (a condition on pg_stat_activity) is true."""
    command = [found("psql"), "-Xw", "-d", str(machine.values["connection"]), "-c", text]
    output = machine.directory / "session"

    def there() -> bool:
        return sql(machine, f"SELECT count(*) FROM pg_stat_activity WHERE {until}").strip() == "1"

    with running(*command, ready=there, output=output):
        yield


def test_postgresql_tells_who_blocks_whom_and_what_it_logged(postgresql: Machine) -> None:
    sql(
        postgresql,
        "CREATE TABLE accounts (name text, note text); SELECT pg_create_physical_replication_slot('dr', true)",
    )
    sql(postgresql, f"SELEC 'password={SECRET}'")
    holds = "BEGIN; LOCK TABLE accounts; SELECT pg_sleep(60)"
    waits = f"INSERT INTO accounts VALUES ('shop', 'password={SECRET}')"
    receive = [found("pg_receivewal"), "-D", postgresql.directory, "-d", str(postgresql.values["connection"])]
    streams = "(SELECT count(*) FROM pg_stat_replication) = 1 AND pid = pg_backend_pid()"
    with (
        session(postgresql, holds, until="wait_event = 'PgSleep'"),
        session(postgresql, waits, until="wait_event_type = 'Lock'"),
        running(
            *receive,
            ready=lambda: sql(postgresql, f"SELECT count(*) FROM pg_stat_activity WHERE {streams}").strip() == "1",
            output=postgresql.directory / "receive",
        ),
    ):
        for shell in SHELLS:
            postgresql.answers("good", shell=shell)
        blocked = postgresql.item("blocked").text.split("|")
        assert blocked[1:3] == ["waits for", "{" + postgresql.item("sessions").text.split("|")[0] + "}"]
        replication = masked(postgresql.item("replication").text, postgresql.collectors["replication"].mask)
        assert "slot|dr|inactive|reserved|…" in replication
        assert "stream|pg_receivewal|streaming|async|…" in replication
        assert "syntax error" in postgresql.item("log").text
        told = postgresql.answers("secrets", "sessions", "blocked", "log")
        assert all(SECRET in recorded.stdout for recorded in told.values())


def test_postgresqls_counters_change_only_when_something_went_wrong(postgresql: Machine) -> None:
    before = postgresql.item("counters").text
    assert changes(before, postgresql.item("counters").text) == ()
    rolled_back = "SELECT pg_stat_reset(); BEGIN; SELECT 1; ROLLBACK; SELECT pg_stat_force_next_flush()"
    sql(postgresql, rolled_back)
    assert "rollbacks=1|" in postgresql.item("counters").text


def test_postgresql_refuses_to_write_for_a_preset(postgresql: Machine) -> None:
    command = str(postgresql.collectors["blocked"].command)
    writes = command[: command.index('-c "')] + '-c "CREATE TABLE t (i int)"'
    told = ask(Collector(name="writes", command=writes), since=None)
    assert "read-only transaction" in told.stderr


def test_postgresql_wants_a_role_and_a_group(postgresql: Machine) -> None:
    shell, logs = without_rights(), locked_logs(postgresql)
    connection = f"host={postgresql.directory} dbname=postgres"
    try:
        postgresql.answers("permission-denied", shell=shell, connection=connection)
    finally:
        logs.chmod(0o755)


def test_a_machine_without_postgresql_is_told_as_such() -> None:
    missing("postgresql")


# --- MariaDB ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mariadb() -> Iterator[Machine]:
    need("mariadbd", "mariadb-install-db", package="mariadb-server")
    need(JOURNAL_REMOTE, package="systemd-journal-remote")
    with place("mariadb") as directory:
        user = ["--user=root"] if IS_ROOT else []
        data, socket_ = directory / "data", directory / "socket"
        install = [found("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--skip-test-db", *user]
        subprocess.run([*install, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
        options = [
            f"--tmpdir={directory}",
            f"--datadir={data}",
            f"--socket={socket_}",
            f"--pid-file={directory}/pid",
            "--skip-networking",
        ]
        options += ["--innodb-flush-log-at-trx-commit=0", "--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M"]
        machine = Machine("mariadb", version(found("mariadbd"), "--version"), directory)
        home = directory / "home"
        home.mkdir()
        (home / ".my.cnf").write_text(f"[client]\nsocket={socket_}\nuser=root\n")
        program(directory, "mariadb", f'HOME={home} exec {found("mariadb")} "$@"')
        log = directory / "logs/error.log"
        server = [found("mariadbd"), "--no-defaults", *options, *user]
        with running(
            *server, ready=lambda: "ready for connections" in log.read_text(), output=log, stop=signal.SIGKILL
        ):
            entry = {"_SYSTEMD_UNIT": "mariadb.service", "SYSLOG_IDENTIFIER": "mariadbd"}
            journal(directory, [entry | {"MESSAGE": line} for line in log.read_text().splitlines() if line])
            machine.answers("empty", "sessions", "lock-waits", "deadlock", "journal", unit="other")
            yield machine


class MariaSession:
    """A client that stays connected."""

    def __init__(self, machine: Machine) -> None:
        self._process = subprocess.Popen(
            [machine.directory / "bin/mariadb", "-nBN", "--force", "test"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> MariaSession:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def say(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text};\n".encode())
        self._process.stdin.flush()

    def do(self, text: str) -> None:
        """Says it and waits until it is done."""
        self.say(f"{text}; SELECT 'done'")
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"done\n"


def maria(machine: Machine, text: str) -> str:
    command = [machine.directory / "bin/mariadb", "-BN", "-e", text]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_mariadb_tells_who_waits_and_its_last_deadlock(mariadb: Machine) -> None:
    maria(mariadb, "CREATE DATABASE IF NOT EXISTS test; CREATE TABLE test.orders (id INT PRIMARY KEY, note TEXT)")
    maria(mariadb, "INSERT INTO test.orders VALUES (1, 'a'), (2, 'b')")
    # not from information_schema.innodb_trx, which shows the past to whoever looks more often than every 0.1 s
    waiting, deadlocks = (
        "SHOW GLOBAL STATUS LIKE 'Innodb_" + name for name in ("row_lock_current_waits'", "deadlocks'")
    )
    log = mariadb.directory / "logs/error.log"
    with MariaSession(mariadb) as one, MariaSession(mariadb) as two:
        one.do("BEGIN; UPDATE orders SET note = 'c' WHERE id = 1")
        two.do("BEGIN; UPDATE orders SET note = 'd' WHERE id = 2")
        two.say(f"UPDATE orders SET note = 'password={SECRET}' WHERE id = 1")
        wait_for(lambda: maria(mariadb, waiting).split()[1] == "1", said=log)
        mariadb.answers("good", "sessions", "lock-waits")
        told = mariadb.answers("secrets", "sessions", "lock-waits")
        assert all(SECRET in recorded.stdout for recorded in told.values())
        one.say("UPDATE orders SET note = 'e' WHERE id = 2")
        wait_for(lambda: maria(mariadb, deadlocks).split()[1] == "1", said=log)
        mariadb.answers("good", "deadlock", "counters", "journal")
        assert SECRET in mariadb.answers("secrets", "deadlock")["deadlock"].stdout
    assert "*** WE ROLL BACK TRANSACTION" in mariadb.item("deadlock").text
    assert "INNODB_DEADLOCKS\t1" in mariadb.item("counters").text


def test_mariadb_wants_a_login(mariadb: Machine) -> None:
    shell = without_rights()
    (mariadb.directory / "journal").chmod(0o700)
    own = mariadb.directory / "home/.my.cnf"
    kept = own.read_text()
    own.write_text(kept.replace("user=root", "user=stranger"))
    try:
        mariadb.answers("permission-denied", shell=shell)
    finally:
        own.write_text(kept)
        (mariadb.directory / "journal").chmod(0o755)


def test_a_machine_without_mariadb_is_told_as_such() -> None:
    missing("mariadb")


# --- RabbitMQ ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[Machine]:
    programs = Path("/usr/lib/rabbitmq/bin")
    if not programs.is_dir() or find("epmd") is None:
        needs.missing("rabbitmq-server", needs.apt("rabbitmq-server"))
    with place("rabbitmq") as directory, ExitStack() as stack:
        epmd_port, port = free_port(), free_port()
        env = {
            "HOME": str(directory),
            "RABBITMQ_NODENAME": "shop@localhost",
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "logs"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        text = f"listeners.tcp.1 = 127.0.0.1:{port}\nload_definitions = {directory}/definitions.json\n"
        (directory / "rabbitmq.conf").write_text(text + "vm_memory_high_watermark.absolute = 1MB\n")
        (directory / "definitions.json").write_text(json.dumps(DEFINITIONS))
        for name in ("rabbitmq-diagnostics", "rabbitmqctl"):
            settings = " ".join(f"{key}={value}" for key, value in env.items())
            program(directory, name, f'{settings} exec {programs}/{name} "$@"')
        if not IS_ROOT:
            program(directory, "sudo", 'shift; exec "$@"')  # whoever starts a node may ask it
        epmd = [found("epmd"), "-port", str(epmd_port), "-address", "127.0.0.1"]
        stack.enter_context(running(*epmd, ready=listens(epmd_port), output=directory / "epmd"))
        machine = Machine(
            "rabbitmq",
            next(programs.glob("../lib/rabbitmq_server-*")).name,
            directory,
            {"logs": directory / "logs"},
            port,
        )
        server = [programs / "rabbitmq-server"]
        output = directory / "output"
        stack.enter_context(
            running(
                *server,
                ready=lambda: "Starting broker... completed" in output.read_text(),
                output=output,
                env=env,
                stop=signal.SIGKILL,
            )
        )
        yield machine


DEFINITIONS = {
    "vhosts": [{"name": "/"}, {"name": "quiet"}],
    "queues": [
        {"name": name, "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}
        for name in ("orders", "mails")
    ],
}


def test_rabbitmq_tells_its_alarms_its_queues_and_its_log(rabbitmq: Machine) -> None:
    told = rabbitmq.answers("good")
    assert "Memory alarm on node" in told["alarms"].stdout
    assert [line.split("\t")[0] for line in told["queues"].stdout.splitlines()] == ["mails", "orders"]
    assert "memory resource limit alarm set" in told["log"].stdout


def test_a_quiet_rabbitmq_says_nothing(rabbitmq: Machine) -> None:
    is_quiet(rabbitmq, "queues", "log", vhost="quiet")


def test_rabbitmq_wants_rights(rabbitmq: Machine) -> None:
    shell, logs = without_rights(), locked_logs(rabbitmq)
    need("sudo", package="sudo")
    try:
        rabbitmq.answers("permission-denied", shell=shell)
    finally:
        logs.chmod(0o755)


def test_a_machine_without_rabbitmq_is_told_as_such() -> None:
    missing("rabbitmq")
