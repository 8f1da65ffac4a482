"""What paramiko's import brings along: invoke only when somebody wants it, and then the whole of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = """
import sys
from FailTaleLibrary.transports.paramiko_import import load_paramiko
load_paramiko()
import paramiko
print("invoke" in sys.modules, "asyncio" in sys.modules, "importlib.metadata" in sys.modules)
"""


def told_by(program: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()


def test_paramiko_brings_neither_invoke_nor_asyncio_nor_packages_metadata() -> None:
    assert told_by(LOADED) == ["False", "False", "False"]


@pytest.mark.parametrize(
    "wanted",
    [
        'paramiko.SSHConfig.from_text("Match exec true\\n User bob\\n").lookup("h")["user"]',
        '__import__("invoke").Context().run("echo bob", hide=True).stdout.strip()',
        '__import__("invoke.context", fromlist=["x"]).Context().run("echo bob", hide=True).stdout.strip()',
    ],
    ids=["by paramiko's reader of ssh_config", "by somebody else", "a part of it"],
)
def test_invoke_is_there_for_whoever_wants_it(wanted: str) -> None:
    assert told_by(f"{LOADED}print({wanted}, 'invoke' in sys.modules)") == ["False", "False", "False", "bob", "True"]


def test_paramiko_knows_its_version_and_others_those_of_all_packages() -> None:
    program = "from importlib import metadata; print(paramiko.__version__ == metadata.version('paramiko'), metadata)"
    assert told_by(f"{LOADED}{program}")[3:6] == ["True", "<module", "'importlib.metadata'"]


SPARED = ("nacl.bindings", "tempfile", "inspect", "dataclasses")


def test_a_login_by_a_key_of_ed25519_loads_no_pynacl_and_nothing_for_one_class_or_one_warning() -> None:
    program = f"""
from FailTaleLibrary.transports.ssh_bounds import BoundedTransport
from FailTaleLibrary.transports.key_files import private_key_in
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as Key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
text = Key.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
key = private_key_in(text, None)()
shown = BoundedTransport._key_info["ssh-ed25519"](paramiko.Message(key.asbytes()))
signed = key.sign_ssh_data(b"data").asbytes()
print(shown == key, *(shown.verify_ssh_sig(data, paramiko.Message(signed)) for data in (b"data", b"else")))
print(*(name for name in {SPARED} if name in sys.modules))
"""
    assert told_by(LOADED + program)[3:] == ["True", "True", "False"]


@pytest.mark.parametrize(
    "wanted",
    [
        "SigningKey(bytes(32)).verify_key.verify(SigningKey(bytes(32)).sign(b'bob'))",
        "paramiko.ed25519key.nacl.signing.VerifyKey(SigningKey(bytes(32)).verify_key.encode()) and b'bob'",
        "paramiko.agent.tempfile.TemporaryDirectory and b'bob'",
        "paramiko.client.inspect.isclass(paramiko.SSHClient) and b'bob'",
        "[each.name.encode() for each in dataclasses.fields(dataclasses.make_dataclass('A', ['bob']))][0]",
    ],
)
def test_what_was_spared_is_there_for_whoever_wants_it(wanted: str) -> None:
    program = f"import dataclasses; from nacl.signing import SigningKey; print(({wanted}).decode())"
    assert told_by(f"{LOADED}{program}")[3:] == ["bob"]


def test_a_key_that_an_agent_tells_of_is_one_of_paramiko_s_own() -> None:
    """Nobody has asked for PyNaCl before: not its stand-in's word for an annotation is called."""
    program = """
written = paramiko.Message()
written.add_string("ssh-ed25519")
written.add_string(bytes([1]) + bytes(31))
print(paramiko.PKey.from_type_string("ssh-ed25519", written.asbytes()).can_sign())
"""
    assert told_by(LOADED + program)[3:] == ["False"]


def test_who_imports_invoke_while_paramiko_is_imported_gets_the_whole_of_it() -> None:
    program = """
import sys
class Meanwhile:
    def find_spec(self, name, path=None, target=None):
        if name == "paramiko.ssh_exception":
            sys.meta_path.remove(self)
            import invoke
            from invoke import Context
            from invoke.config import Config
            import importlib.metadata
            assert importlib.metadata.version("invoke") and importlib.metadata.distributions
            import dataclasses, inspect, tempfile
            from nacl.signing import SigningKey, VerifyKey
            assert isinstance(SigningKey(bytes(32)).verify_key, VerifyKey)
            assert inspect.isclass(VerifyKey) and dataclasses.dataclass is not None and tempfile.gettempdir()
            print(Context().run("echo bob", hide=True).stdout.strip(), invoke.Config is Config)
sys.meta_path.insert(0, Meanwhile())
"""
    assert told_by(program + LOADED)[:2] == ["bob", "True"]


def test_an_import_that_fails_halfway_can_be_tried_again() -> None:
    """As where other threads have the last file descriptors."""
    script = """
import errno, sys
from FailTaleLibrary.transports.paramiko_import import load_paramiko

class NoMoreFiles:
    def find_spec(name, path, target=None):
        if name == "paramiko.sftp_client":
            raise OSError(errno.EMFILE, "Too many open files")

sys.meta_path.insert(0, NoMoreFiles)
for _ in range(2):
    try:
        load_paramiko()
    except OSError as error:
        print(error.errno == errno.EMFILE)
sys.meta_path.remove(NoMoreFiles)
load_paramiko()
import paramiko
print(paramiko.common.cMSG_CHANNEL_REQUEST, paramiko.Transport)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[:2] == ["True", "True"], done
    assert done.returncode == 0, done.stderr
