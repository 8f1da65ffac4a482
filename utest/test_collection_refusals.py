"""Refusals that the table does not quote, as real programs print them: none of them ever earns "empty"."""

from __future__ import annotations

import pytest
from test_collection_silence import judged

from FailTaleLibrary.collection.silence import meaning
from FailTaleLibrary.records import Gap

REFUSALS: dict[str, tuple[str, ...]] = {
    "command not found": (
        "sh: 1: ss: not found",
        "-sh: netstat: not found",
        "ip: applet not found",
        "bash: netstat: command not found",
        "/bin/sh: line 1: ss: command not found",
        "zsh:1: command not found: ss",
        "zsh: command not found: jcmd",
        "ash: ss: not found",
        "env: 'python': No such file or directory",
        "env: \u2018python3\u2019: No such file or directory",
        "/usr/bin/env: python: No such file or directory",
        "sudo: ss: command not found",
        "nohup: failed to run command 'x': No such file or directory",
        "nice: 'iostat': No such file or directory",
        'exec: "ss": executable file not found in $PATH: unknown',
        "tcsh: ss: Command not found.",
    ),
    "could not tell": (
        "Error: Could not find or load main class sun.tools.jcmd.JCmd",
        "lsof: no pwd entry for UID 1000",
    ),
    "failed": (
        "Error response from daemon: container 7f is restarting, wait until the container is running",
        "Error response from daemon: configured logging driver does not support reading",
        "Error from server (ServiceUnavailable): the server is currently unable to handle the request",
        "Failed to connect to bus: No medium found",
        "System has not been booted with systemd as init system (PID 1). Can't operate.",
        "Failed to open journal: Too many levels of symbolic links",
        "Failed to add filter for units: No data available",
        "Failed to list units: Transport endpoint is not connected",
        "cat: /mnt/nfs/app.log: Stale file handle",
        "tail: error reading '/mnt/nfs/app.log': Input/output error",
        "ls: reading directory '/data': Input/output error",
        "df: /mnt/nfs: Stale file handle",
        "ls: cannot access '/mnt/gvfs': Transport endpoint is not connected",
        "mkdir: cannot create directory '/tmp/x': No space left on device",
        "mktemp: failed to create file via template '/tmp/tmp.XXXX': Read-only file system",
        "sh: 1: cannot create /tmp/x: Read-only file system",
        "bash: cannot create temp file for here-document: No space left on device",
        "sort: write failed: /tmp/sortx: No space left on device",
        "cat: /data/x: Structure needs cleaning",
        "tail: cannot open '/x' for reading: Too many open files in system",
        "-bash: fork: retry: Resource temporarily unavailable",
        "cat: /data/x: Key has expired",
        "cat: /data/x: No data available",
        "cat: /dev/sda: No medium found",
        "cat: /x: Value too large for defined data type",
        "cat: /x: File name too long",
        "sh: 1: cannot execute binary file: Exec format error",
        "ERROR 2003 (HY000): Can't connect to MySQL server on '10.0.0.1:3306' (111)",
        "psql: error: FATAL:  sorry, too many clients already",
        "Error: Server closed the connection",
        "Error: couldn't connect to server 127.0.0.1:27017, connection attempt failed",
        "ssh: connect to host db1 port 22: Connection refused",
        "curl: (7) Failed to connect to localhost port 8080 after 0 ms: Connection refused",
        "curl: (6) Could not resolve host: api1",
        "curl: (56) Recv failure: Connection reset by peer",
        "curl: (35) error:0A00010B:SSL routines::wrong version number",
        "nc: connect to 127.0.0.1 port 80 (tcp) failed: Connection refused",
        "Error: ceph: error connecting to the cluster: error code 110",
        "glusterd is not running",
        "Connection failed. Please check if gluster daemon is operational.",
        "crm_mon: Connection to cluster failed: Transport endpoint is not connected",
        "virsh: error: failed to connect to the hypervisor",
    ),
    "file not found": (
        'Error: no container with name or ID "shop" found: no such container',
        "Error: no container with name or id shop found: no such container",
        'Error from server (NotFound): namespaces "prod" not found',
        'error: unable to upgrade connection: container not found ("app")',
        'Error from server (BadRequest): previous terminated container "app" in pod "shop-1" not found',
        "lxc-attach: app: attach.c: lxc_attach: 993 No such file or directory",
        "Data from the specified boot (-1) is not available: No such boot ID in journal",
        "ERROR 1049 (42000): Unknown database 'shop'",
        "ERROR 1146 (42S02): Table 'shop.orders' doesn't exist",
        "java.io.IOException: No such process",
        "4711 not found",
    ),
    "permission denied": (
        "WARN[0000] cannot clone: Operation not permitted",
        "Error: cannot re-exec process to join the existing user namespace: permission denied",
        "lxc-attach: attach.c: lxc_attach: 1234 Insufficient privileges to control app",
        "sudo: I'm sorry ci. I'm afraid I can't do that",
        "sudo: 1 incorrect password attempt",
        'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.',
        "ci is not allowed to run sudo on web1.  This incident will be reported.",
        "Sorry, user ci may not run sudo on web1.",
        "sudo: sorry, you are not allowed to set the following environment variables: LANG",
        "su: Authentication failure",
        "WARNING: Your password has expired.",
        "pkexec: Error executing command as another user: Not authorized",
        "Error executing command as another user: No authentication agent found.",
        "doas: Operation not permitted",
        "Failed to dump process list, ignoring: Access denied",
        "Failed to get properties: Access denied",
        "cat: /var/log/audit/audit.log: Permission denied",
        "ls: cannot open directory '/root': Permission denied",
        "find: \u2018/var/lib/private\u2019: Permission denied",
        "cat: /proc/kmsg: Operation not permitted",
        "bash: /usr/bin/ss: Permission denied",
        "ERROR 1045 (28000): Access denied for user 'ci'@'localhost' (using password: NO)",
        "ERROR 1698 (28000): Access denied for user 'root'@'localhost'",
        "ERROR 1130 (HY000): Host '10.0.0.1' is not allowed to connect to this MySQL server",
        "ERROR 3118 (HY000): Access denied for user 'ci'@'localhost'. Account is locked.",
        "ERROR:  permission denied for table orders",
        "(error) NOAUTH Authentication required.",
        "(error) NOPERM User ci has no permissions to run the 'config|get' command",
        "Only root or rabbitmq should run rabbitmqctl",
        "Only root or rabbitmq can run rabbitmqctl",
        "MongoServerError: not authorized on admin to execute command { serverStatus: 1 }",
        "ss: cannot open netlink socket: Operation not permitted",
        "ptrace: Operation not permitted.",
        "perf_event_paranoid setting is 4",
        "modprobe: ERROR: could not insert 'x': Operation not permitted",
        "fuser: Cannot stat file /proc/1/fd/5: Permission denied",
        "iptables: Permission denied (you must be root).",
        "Operation not permitted (you must be root)",
        "netlink: Error: cache initialization failed: Operation not permitted",
        "ethtool: cannot get settings: Operation not permitted",
        "smartctl: Permission denied",
        'mount: only root can use "--types" option',
        "tcpdump: eth0: You don't have permission to perform this capture on that device",
        "Error: /var/log/x: avc: denied { read }",
        "cat: /x: SELinux: could not get context: Permission denied",
        "aa-exec: cannot change profile: Operation not permitted",
        "ci@db1: Permission denied (publickey).",
        "curl: (22) The requested URL returned error: 403 Forbidden",
        "wget: server returned error: HTTP/1.1 401 Unauthorized",
        "Error: the caller is not authorized to perform this action",
        "ERROR: (gcloud.logging.read) PERMISSION_DENIED: The caller does not have permission",
        "ERROR: AADSTS70043: The refresh token has expired",
        "Error making API request. Code: 403. Errors: * permission denied",
        "Error: unable to get crm_config, is pacemaker running? Permission denied",
    ),
    "timed out": (
        "Unable to connect to the server: dial tcp 10.0.0.1:6443: i/o timeout",
        "Unable to connect to the server: net/http: TLS handshake timeout",
        'ctr: failed to dial "/run/containerd/containerd.sock": context deadline exceeded',
        "Failed to list units: Connection timed out",
        "Error: operation list_queues on node rabbit@mq1 timed out. Timeout value used: 60000",
    ),
}
ALL = [(reason, line) for reason, lines in REFUSALS.items() for line in lines]


@pytest.mark.parametrize(("reason", "line"), ALL, ids=[line for _, line in ALL])
def test_a_refusal_is_told_as_what_it_is_and_never_as_empty(reason: str, line: str) -> None:
    record = judged(f"{line}\n")
    assert isinstance(record, Gap)
    assert (record.reason, line in record.detail) == (reason, True)
    failed = judged(f"{line}\n", exit_status=1)
    assert isinstance(failed, Gap) or failed.status == "failed"


def test_words_that_are_harmless_hide_no_refusal_in_the_same_answer() -> None:
    for reason, line in ALL:
        if meaning(line) != "unknown":
            record = judged(f'stdin: is not a tty\n{line}\nDefaulted container "app" out of: app, sidecar\n')
            assert isinstance(record, Gap)
            assert record.reason == reason
