"""What kubectl says when it gets no answer -> why, in plain words, and the role that its account lacks. Pure.

The words are kubectl's own (1.20 to 1.33) and those of the API server's authorizer; each row has lines as printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial

from FailTaleLibrary.lazy import dataclass, regex
from FailTaleLibrary.records import Gap, GapReason, SafeText, derived, our_words


@dataclass(frozen=True, slots=True)
class KubectlWords:
    """What a line of kubectl means. The first row that matches is the line's."""

    reason: GapReason
    pattern: str
    """Regular expression, read without regard to case."""
    plain: str
    """What it means and what to do, as the beginning of a sentence."""
    examples: tuple[str, ...]
    is_of_cluster: bool = True
    """Whether it is so for whatever the cluster is asked."""


WORDS_OF_KUBECTL: tuple[KubectlWords, ...] = (
    KubectlWords(
        "no answer",
        r"API server did not answer within",
        "the API server is silent",
        (
            "The API server did not answer within 4 s.",
            "The API server did not answer within 12 s when it was asked for pods.",
        ),
    ),
    KubectlWords(
        "failed",
        r'namespaces? "[^"]*" not found',
        "there is no such namespace; see 'kubectl get namespaces'",
        (
            'Error from server (NotFound): namespaces "lab" not found',
            'Error from server (NotFound): Unable to list "/v1, Resource=pods": namespaces "lab" not found',
        ),
        is_of_cluster=False,
    ),
    KubectlWords(
        "failed",
        r"localhost:8080 was refused|//localhost:8080/|no configuration has been provided|incomplete configuration"
        r"|current-context must exist",
        "kubectl has no cluster here: name its configuration by 'kubeconfig', or set KUBECONFIG for this account",
        (
            "The connection to the server localhost:8080 was refused - did you specify the right host or port?",
            'error: couldn\'t get available api versions from server: Get "http://localhost:8080/api?timeout=4s": dial '
            "tcp [::1]:8080: connect: connection refused",
            "error: Missing or incomplete configuration info.  Please point to an existing, complete config file:",
            "error: invalid configuration: no configuration has been provided",
        ),
    ),
    KubectlWords(
        "failed",
        r"context was not found|context .* does not exist|no context exists",
        "kubectl has no such context here: 'kubectl config get-contexts' lists them",
        (
            "Error in configuration: context was not found for specified context: lab",
            'error: context "lab" does not exist',
        ),
    ),
    KubectlWords(
        "failed",
        r"error loading config file|stat \S*: no such file|config not found|unable to read (client|certificate)",
        "kubectl cannot read its configuration",
        (
            'error: error loading config file "/etc/kc": open /etc/kc: permission denied',
            "error: stat /etc/kc: no such file or directory",
        ),
    ),
    KubectlWords(
        "authentication refused",
        r"must be logged in|provide credentials|\(Unauthorized\)|: Unauthorized$|getting credentials"
        r"|token (is |has )?expired|exec plugin|no Auth Provider",
        "the API server does not take kubectl's credentials: their token or certificate has expired or was revoked; "
        "log in anew",
        (
            "error: You must be logged in to the server (Unauthorized)",
            "error: You must be logged in to the server (the server has asked for the client to provide credentials)",
            "error: couldn't get available api versions from server: Unauthorized",
            "Unable to connect to the server: getting credentials: exec: executable aws failed with exit code 255",
        ),
    ),
    KubectlWords(
        "failed",
        r"x509: certificate has expired or is not yet valid",
        "by the clock of this host the API server's certificate is not valid: it has expired, or this clock is wrong",
        (
            "Unable to connect to the server: x509: certificate has expired or is not yet valid: current time "
            "2026-11-26T10:00:00Z is before 2026-11-26T12:00:00Z",
            "Unable to connect to the server: tls: failed to verify certificate: x509: certificate has expired or is "
            "not yet valid",
        ),
    ),
    KubectlWords(
        "failed",
        r"x509:|certificate signed by unknown|tls: ",
        "kubectl does not trust what answers at the API server's address: its configuration is of another cluster",
        ("Unable to connect to the server: x509: certificate signed by unknown authority",),
    ),
    KubectlWords(
        "unreachable",
        r"was refused|connection refused",
        "nothing listens at the API server's address",
        ("The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?",),
    ),
    KubectlWords(
        "unreachable",
        r"no such host|no route to host|network is unreachable|server misbehaving|Temporary failure in name",
        "the API server's address leads nowhere from this host",
        ("Unable to connect to the server: dial tcp: lookup api.lab: no such host",),
    ),
    KubectlWords(
        "no answer",
        r"i/o timeout|deadline exceeded|Client\.Timeout|TLS handshake timeout|request canceled",
        "the API server is silent",
        (
            "Unable to connect to the server: dial tcp 10.0.0.1:6443: i/o timeout",
            "Unable to connect to the server: context deadline exceeded",
            "Unable to connect to the server: net/http: request canceled (Client.Timeout exceeded while awaiting "
            "headers)",
            "Unable to connect to the server: net/http: TLS handshake timeout",
        ),
    ),
    KubectlWords(
        "no answer",
        r"\(ServiceUnavailable\)|server is currently unable|etcdserver: |\(InternalError\)|\(TooManyRequests\)",
        "the API server is there, and cannot do what it is asked",
        (
            "Error from server (ServiceUnavailable): the server is currently unable to handle the request",
            "Error from server: etcdserver: request timed out",
            'Error from server (InternalError): an error on the server ("") has prevented the request from succeeding',
        ),
    ),
    KubectlWords(
        "connection lost",
        r"unexpected EOF|: EOF$|connection reset by peer|broken pipe|connection lost",
        "the API server ended the connection",
        (
            "Unable to connect to the server: EOF",
            "error: read tcp 10.0.0.2:33->10.0.0.1:6443: connection reset by peer",
        ),
    ),
)


def kubectl_trouble(stderr: SafeText, about: str) -> tuple[GapReason, SafeText] | None:
    """Why kubectl got nothing, and what to do; None where its words say no such thing.

    ``about``: what it was asked for, as `Collector.kubernetes` names it.
    """
    if roles_for(stderr, about):
        return "permission denied", derived(partial(_sentences_of_roles, about), stderr)
    row, _ = _row_and_line(stderr)
    return (row.reason, derived(_in_plain_words, stderr)) if row else None


def is_of_cluster(gap: Gap) -> bool:
    """Whether a gap says that nobody answers there or kubectl cannot ask: that is so whatever it is asked."""
    if gap.reason == "command not found":
        return True
    return any(row.is_of_cluster and gap.detail.startswith(row.plain) for row in WORDS_OF_KUBECTL)


def with_roles(stderr: SafeText, about: str) -> SafeText:
    """What kubectl said beside an answer, and the roles whose lack it tells."""
    return (
        our_words("{}\n{}", stderr, derived(partial(_sentences_of_roles, about), stderr))
        if _FORBIDDEN.search(stderr)
        else stderr
    )


def _row_and_line(stderr: str) -> tuple[KubectlWords | None, str]:
    for row in WORDS_OF_KUBECTL:
        for line in stderr.splitlines():
            if re.search(row.pattern, line, re.IGNORECASE):
                return row, line.strip()
    return None, ""


def _in_plain_words(stderr: str) -> str:
    row, line = _row_and_line(stderr)
    return f"{row.plain} (kubectl: {line})" if row else ""


# --- Rights ----------------------------------------------------------------------------------------------------------

_FORBIDDEN = regex(
    r"User \"(?P<user>[^\"]{1,200})\" cannot (?P<verb>[a-z]+) resource \"(?P<resource>[a-z/]+)\" in API group "
    r"\"(?P<group>[a-z0-9.-]*)\"(?: in the namespace \"(?P<namespace>[a-z0-9-]+)\"| at the cluster scope)"
)
"""As the authorizer of an API server says it (apiserver/pkg/endpoints/handlers/responsewriters/errors.go)."""
_READS = {"get", "list"}
_ALSO = {("logs", "pods"): ("", "pods/log", "get")}
"""What else is asked for once the first is allowed."""


@dataclass(frozen=True, slots=True)
class MissingRole:
    """What one account may not do in one namespace, and has to, so that a collector gets its answer."""

    name: str
    user: str
    namespace: str
    """Empty: in all."""
    rules: tuple[tuple[str, str, str], ...]
    """API group, resource and verb."""

    @property
    def kind(self) -> str:
        return "Role" if self.namespace else "ClusterRole"

    @property
    def yaml(self) -> str:
        """The role in one line, as `kubectl apply` takes it."""
        rules = ", ".join(
            f'{{apiGroups: ["{group}"], resources: [{resources}], verbs: [{verb}]}}'
            for group, verb, resources in self._grouped()
        )
        where = f", namespace: {self.namespace}" if self.namespace else ""
        return (
            f"{{apiVersion: rbac.authorization.k8s.io/v1, kind: {self.kind}, metadata: {{name: {self.name}{where}}}, "
            f"rules: [{rules}]}}"
        )

    @property
    def binding(self) -> str:
        """The command that gives it to the account."""
        account = re.fullmatch(r"system:serviceaccount:([a-z0-9-]+):([a-z0-9.-]+)", self.user)
        whom = f"--serviceaccount={account[1]}:{account[2]}" if account else f"--user='{self.user}'"
        kind = "rolebinding" if self.namespace else "clusterrolebinding"
        where = f" --namespace={self.namespace}" if self.namespace else ""
        role = f"--{self.kind.lower()}={self.name}"
        return f"kubectl create {kind} {self.name}{where} {role} {whom}"

    def _grouped(self) -> Iterable[tuple[str, str, str]]:
        by_kind: dict[tuple[str, str], list[str]] = {}
        for group, resource, verb in self.rules:
            by_kind.setdefault((group, verb), []).append(resource)
        return ((group, verb, ", ".join(resources)) for (group, verb), resources in by_kind.items())


def roles_for(stderr: str, about: str) -> tuple[MissingRole, ...]:
    """The roles that kubectl's account lacks, by namespace; no right but those to read that were refused."""
    found: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for match in _FORBIDDEN.finditer(stderr):
        if match["verb"] in _READS and "'" not in match["user"]:
            rules = found.setdefault((match["user"], match["namespace"] or ""), [])
            also = _ALSO.get((about, match["resource"]))
            wanted = [(match["group"], match["resource"], match["verb"]), *([also] if also else [])]
            rules += [rule for rule in wanted if rule not in rules]
    return tuple(
        MissingRole(f"failtale-{about}", user, namespace, tuple(rules)) for (user, namespace), rules in found.items()
    )


def _sentences_of_roles(about: str, stderr: str) -> str:
    return " ".join(map(sentence_of_role, roles_for(stderr, about)))


_APPLY, _BIND = "apply this role: ", " and give it to the account: "


def lines_to_apply(sentence: str) -> tuple[str, ...]:
    """What an administrator types for the roles that a sentence of ours names."""
    account = r"--user='[^']*'|--serviceaccount=\S+"
    found = re.findall(rf"{_APPLY}(\{{[^']*?\}}){_BIND}(kubectl create \S+ [^']*?(?:{account}))", sentence)
    return tuple(line for role, binding in found for line in (f"echo '{role}' | kubectl apply -f -", binding))


def sentence_of_role(role: MissingRole) -> str:
    """What may not be done, and the role to apply."""
    what = ", ".join(f"{verb} {resource}" for _, resource, verb in role.rules)
    where = f"namespace '{role.namespace}'" if role.namespace else "all namespaces"
    return f"'{role.user}' may not {what} in {where}; {_APPLY}{role.yaml}{_BIND}{role.binding}"
