"""Servers from Debian's packages, each on a free port of the loopback, in a folder of its own, ended with the block.

`make servers` installs them. Where one is missing, its tests are skipped and say so.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.support import PATIENCE, free_port

_POSTGRESQL = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
_FOLDERS = [*map(str, reversed(_POSTGRESQL)), *os.get_exec_path(), "/usr/sbin"]


def program(name: str) -> str:
    """The path of a server's program; skips the test where it is not installed."""
    found = shutil.which(name, path=os.pathsep.join(_FOLDERS))
    if found is None:
        pytest.skip(f"{name} is not here: make servers installs it")
    return found


class Server:
    """A process that listens on ``port``.

    Args:
        command: what to run; ``{port}`` and ``{folder}`` in it become the server's.
        answers: whether it is ready, asked until it is; a connection to its port unless given.
        before: what to run first, and wait for.
        variables: what its environment has besides.
        end: the signal that ends it at once.
    """

    def __init__(
        self,
        *command: str,
        before: Sequence[str] = (),
        answers: Callable[[Server], bool] | None = None,
        variables: Mapping[str, str] | None = None,
        end: int = signal.SIGTERM,
    ) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp())
        self._command = self._filled(command)
        self._before = self._filled(before)
        self._end = end
        self._answers = answers or Server.listens
        self._variables = {name: self._filled([text])[0] for name, text in (variables or {}).items()}

    def __enter__(self) -> Server:
        if _NOBODY:
            os.chown(self.folder, _NOBODY.pw_uid, _NOBODY.pw_gid)
        if self._before:
            before = self._start(self._before)
            assert before.wait(PATIENCE) == 0, self._printed()
        self._process = self._start(self._command)
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(self._end)
        try:
            self._process.wait(PATIENCE)
        finally:
            self._end_group()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "output").open("a") as output:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, "LC_ALL": "C", "HOME": str(self.folder), **self._variables},
                stdout=output,
                stderr=output,
                start_new_session=True,
                user=_USER,
                group=_GROUP,
            )

    def _printed(self) -> str:
        return (self.folder / "output").read_text(errors="replace")

    def listens(self) -> bool:
        """Whether something takes connections on the port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _filled(self, command: Sequence[str]) -> list[str]:
        return [word.replace("{port}", str(self.port)).replace("{folder}", str(self.folder)) for word in command]

    def _wait(self) -> None:
        deadline = monotonic() + PATIENCE
        while not self._answers(self):
            if self._process.poll() is not None or monotonic() > deadline:
                self._end_group()
                raise AssertionError(f"{self._command} did not get ready: {self._printed()}")
            sleep(0.05)

    def _end_group(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()


# Whom a server runs as: PostgreSQL and others refuse to be root.
_NOBODY = pwd.getpwnam("nobody") if os.getuid() == 0 else None
_USER = _NOBODY.pw_uid if _NOBODY else None
_GROUP = _NOBODY.pw_gid if _NOBODY else None


def postgresql() -> Server:
    """PostgreSQL with the database and the user ``postgres``, without a password."""
    begin = [program("initdb"), "-D", "{folder}/data", "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8"]
    options = ("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "unix_socket_directories={folder}")
    ready = program("pg_isready")

    def answers(server: Server) -> bool:
        asked = subprocess.run(
            [ready, "-h", "127.0.0.1", "-p", str(server.port)], stdout=subprocess.DEVNULL, check=False
        )
        return asked.returncode == 0

    command = (program("postgres"), "-D", "{folder}/data", "-p", "{port}", *options)
    # At SIGTERM it waits for whoever is connected.
    return Server(*command, before=begin, answers=answers, end=signal.SIGINT)


def redis() -> Server:
    """Redis that keeps nothing."""
    options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "{folder}")
    return Server(program("redis-server"), "--port", "{port}", *options)


def memcached() -> Server:
    """Memcached."""
    return Server(program("memcached"), "-l", "127.0.0.1", "-p", "{port}")


def rabbitmq() -> Server:
    """RabbitMQ with its usual user guest."""
    program("rabbitmq-server")
    home = next(iter(sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))), None)
    if home is None:
        pytest.skip("rabbitmq-server is not where Debian has it: make servers installs it")
    node = free_port()
    # Erlang's port mapper would go on as a daemon: this one is of the server's group, and ends with it.
    mapped = f"{program('epmd')} -address 127.0.0.1 & exec {home}"
    return Server(
        *("sh", "-c", mapped),
        variables={
            "ERL_EPMD_PORT": str(free_port()),
            "RABBITMQ_NODENAME": f"tests{node}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": "{port}",
            "RABBITMQ_DIST_PORT": str(node),
            "RABBITMQ_MNESIA_BASE": "{folder}/data",
            "RABBITMQ_LOG_BASE": "{folder}/log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": "{folder}/plugins",
            "RABBITMQ_PID_FILE": "{folder}/pid",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        },
    )


def mariadb() -> Server:
    """MariaDB with the user ``tests`` and the database ``test``, without a password."""
    server, begin = program("mariadbd"), program("mariadb-install-db")
    first = "CREATE DATABASE IF NOT EXISTS test; CREATE USER tests@'%'; GRANT ALL ON *.* TO tests@'%';"
    install = f"{begin} --no-defaults --datadir={{folder}}/data --auth-root-authentication-method=normal"
    script = f'{install} && echo "{first}" > {{folder}}/first.sql'
    options = ("--no-defaults", "--datadir={folder}/data", "--bind-address=127.0.0.1", "--port={port}")
    return Server(
        server, *options, "--socket={folder}/socket", "--init-file={folder}/first.sql", before=("sh", "-c", script)
    )
