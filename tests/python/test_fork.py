"""Forked workers: each counts in a segment of its own, and the folder has the exact sum (semantics 8).

With TACHO_TEST_DEEP set, the servers run for a minute and lose a worker each second, otherwise for three seconds.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tachograph as tacho

DEEP = bool(os.environ.get("TACHO_TEST_DEEP"))
SECONDS = 60 if DEEP else 3


def run(tmp_path: Path, script: str, *arguments: str) -> str:
    """Run a script in a process of its own that shares tmp_path/shared."""
    file = tmp_path / "script.py"
    file.write_text(textwrap.dedent(script), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(file), *arguments],
        env={**os.environ, "TACHO_DIR": str(tmp_path / "shared")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def calls(tmp_path: Path) -> int:
    totals = tacho.load(tmp_path / "shared").operations().totals
    assert totals is not None
    return int(totals.calls)


OS_FORK = """
    import os, sys, time
    import tachograph as tacho

    def live(steps):
        start = time.perf_counter()
        with tacho.step("plan"):
            pass
        assert time.perf_counter() - start < 0.1
        for _ in range(steps - 1):
            with tacho.step("plan"):
                pass
        assert tacho.summary().total_steps == steps

    children = []
    with tacho.step("outer") as outer:
        for _ in range(4):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    live(100)
                    grandchild = os.fork()
                    if grandchild == 0:
                        live(10)
                        code = 0
                    else:
                        outer.end()
                        code = os.waitpid(grandchild, 0)[1]
                        assert tacho.summary().total_steps == 100
                finally:
                    os._exit(code)
            children.append(child)
        print(sum(os.waitpid(child, 0)[1] for child in children))
    assert tacho.summary().total_steps == 1
    """


def test_os_fork(tmp_path: Path) -> None:
    assert run(tmp_path, OS_FORK) == "0\n"
    assert calls(tmp_path) == 1 + 4 * (100 + 10)


POOL = """
    import multiprocessing, sys
    import tachograph as tacho

    @tacho.track
    def plan(number):
        return number

    def work(number):
        for i in range(25):
            plan(i)
        return number

    if __name__ == "__main__":
        plan(0)
        context = multiprocessing.get_context(sys.argv[1])
        with context.Pool(4, maxtasksperchild=5) as pool:
            total = sum(pool.map(work, range(40), chunksize=1))
        print(total)  # not earlier: a worker that is forked after it writes the buffer once more
        plan(0)
    """


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(tmp_path: Path, method: str) -> None:
    assert run(tmp_path, POOL, method) == "780\n"
    assert calls(tmp_path) == 2 + 40 * 25


THREADS = """
    import os, threading
    import tachograph as tacho

    stop, counts = threading.Event(), []

    def record():
        count = 0
        while not stop.is_set():
            with tacho.step("plan"):
                count += 1
        counts.append(count)

    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                for _ in range(50):
                    with tacho.step("plan"):
                        pass
                code = int(tacho.summary().total_steps != 50)
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
    stop.set()
    for thread in threads:
        thread.join()
    print(sum(counts))
    """


def test_fork_while_threads_record(tmp_path: Path) -> None:
    recorded = int(run(tmp_path, THREADS))
    assert calls(tmp_path) == recorded + 20 * 50


REENTRANT = """
    import gc, signal
    import tachograph as tacho

    class Gone:
        def __del__(self):
            tacho.record_step("in __del__", 0.001)
            deleted.append(1)

    def collected(phase, info):
        tacho.record_step("in gc", 0.001)
        collections.append(1)

    def interrupted(number, frame):
        with tacho.step("in a handler"):
            handled.append(1)

    deleted, collections, handled, own = [], [], [], 0
    gc.set_threshold(5)
    gc.callbacks.append(collected)
    signal.signal(signal.SIGALRM, interrupted)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    while own < 5000 or len(handled) < 200:
        with tacho.step("outer"):
            thing = Gone()
            thing.itself = thing
            tacho.record_tool_call("grep", 0.25)
        own += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    gc.callbacks.clear()
    del thing
    gc.collect()
    rows = {row.operation: row.calls for row in tacho.operations()}
    assert rows["outer"] == own, (rows, own)
    assert rows["in __del__"] == len(deleted) >= own
    assert rows["in gc"] == len(collections) > 0
    assert rows["in a handler"] == len(handled)
    print("exact")
    """


def test_calls_from_destructors_collections_and_handlers_are_exact(tmp_path: Path) -> None:
    assert run(tmp_path, REENTRANT) == "exact\n"


# ---- servers that fork their workers


class Journal:
    """What workers say before and after they record: a byte each, at the end of a file."""

    def __init__(self, folder: Path) -> None:
        self.begun, self.done = folder / "begun", folder / "done"
        for file in (self.begun, self.done):
            file.touch()

    def has_stopped(self) -> bool:
        """Whether nobody has done anything for a second."""
        before = self.done.stat().st_size
        time.sleep(1)
        return self.done.stat().st_size == before > 0

    def expect_all(self, tmp_path: Path) -> int:
        """Compare what was recorded with what was done (nothing lost) and begun (nothing twice)."""
        before = 1  # what the script records when it is loaded
        done, begun = self.done.stat().st_size, self.begun.stat().st_size
        recorded = calls(tmp_path) - before
        assert done <= recorded <= begun
        return recorded


WORK = """
    import os
    import tachograph as tacho

    def say(name):
        file = os.open(os.path.join(os.environ["JOURNAL"], name), os.O_WRONLY | os.O_APPEND)
        os.write(file, b".")
        os.close(file)

    with tacho.step("before the workers"):  # what is preloaded has recorded already
        pass

    def work():
        say("begun")
        with tacho.step("request"):
            pass
        say("done")
    """

GUNICORN = (
    WORK
    + """
    def application(environ, start_response):
        work()
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]
    """
)

CELERY = (
    WORK
    + """
    import time
    from celery import Celery

    folder = os.environ["JOURNAL"]
    application = Celery("application", broker="filesystem://")
    application.conf.update(
        broker_transport_options={
            "data_folder_in": folder + "/queue",
            "data_folder_out": folder + "/sent",
            "control_folder": folder + "/control",
        },
        worker_hijack_root_logger=False,
        worker_lost_wait=0.5,
        broker_connection_retry_on_startup=True,
    )

    @application.task
    def answer():
        work()

    @application.task
    def be_killed():  # says who it is, and records until somebody has done it
        with open(f"{folder}/victim-{os.getpid()}", "x"):
            pass
        until = time.monotonic() + 30
        while time.monotonic() < until:
            say("begun")
            with tacho.step("last"):
                pass
            say("done")
    """
)

SENDER = """
    import os, sys, time
    import application

    def send(task):  # kombu loses a message that is read while it is written: whole ones are put into the queue
        task.delay()
        for name in os.listdir(application.folder + "/sent"):
            os.rename(f"{application.folder}/sent/{name}", f"{application.folder}/queue/{name}")

    for i in range(int(sys.argv[1])):
        if i % 100 == 50:
            send(application.be_killed)
        send(application.answer)
        time.sleep(0.01)
    """


def children_of(pid: int) -> list[int]:
    """The children of all threads of a process."""
    listed = [file.read_text(encoding="ascii").split() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for children in listed for child in children]


@contextmanager
def serving(tmp_path: Path, script: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server over `script`, as application.py in its folder, until it has four workers; stopped at the end."""
    (tmp_path / "application.py").write_text(textwrap.dedent(script), encoding="utf-8")
    environment = {**os.environ, "TACHO_DIR": str(tmp_path / "shared"), "JOURNAL": str(tmp_path), "C_FORCE_ROOT": "1"}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: len(children_of(server.pid)) >= 4, server, tmp_path)
        yield server
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            kill_server(server)


def kill_server(server: subprocess.Popen[bytes]) -> None:
    for process in [*children_of(server.pid), server.pid]:
        os.kill(process, signal.SIGKILL)
    server.wait()


def wait_until(happened: Callable[[], bool], server: subprocess.Popen[bytes], tmp_path: Path) -> None:
    until = time.monotonic() + 60
    while not happened():
        if time.monotonic() > until or server.poll() is not None:
            pytest.fail((tmp_path / "log").read_text(encoding="utf-8"))
        time.sleep(0.02)


def kill_a_worker_each_second(server: subprocess.Popen[bytes], seconds: float) -> int:
    killed = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(1)
        workers = children_of(server.pid)
        if workers:
            os.kill(workers[killed % len(workers)], signal.SIGKILL)
            killed += 1
    return killed


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(str(self.path))


def ask_until(stop: threading.Event, path: Path, answers: list[int]) -> None:
    while not stop.is_set():
        connection = UnixConnection(path)
        try:
            connection.request("GET", "/")
            answers.append(connection.getresponse().status)
        except (OSError, http.client.HTTPException):
            pass  # its worker was killed
        finally:
            connection.close()


def test_gunicorn_preloaded(tmp_path: Path) -> None:
    pytest.importorskip("gunicorn")
    journal, path = Journal(tmp_path), tmp_path / "socket"
    command = ("gunicorn", "--preload", "--workers=4", f"--bind=unix:{path}", "application:application")
    with serving(tmp_path, GUNICORN, *command) as server:
        stop, answers = threading.Event(), list[int]()
        clients = [threading.Thread(target=ask_until, args=(stop, path, answers)) for _ in range(4)]
        for client in clients:
            client.start()
        killed = kill_a_worker_each_second(server, SECONDS)
        stop.set()
        for client in clients:
            client.join()
        wait_until(lambda: len(children_of(server.pid)) >= 4, server, tmp_path)
    assert killed >= SECONDS - 1
    assert set(answers) == {200}
    assert journal.expect_all(tmp_path) >= len(answers) > 0


def kill_victims(tmp_path: Path, killed: set[Path]) -> None:
    """Kill the workers that ask for it: see test_celery_prefork."""
    for victim in set(tmp_path.glob("victim-*")) - killed:
        os.kill(int(victim.name.partition("-")[2]), signal.SIGKILL)
        killed.add(victim)


def test_celery_prefork(tmp_path: Path) -> None:
    """A worker is killed each second, while a task of it records.

    While it waits for a task, one worker of the pool holds the lock of the queue that all share (billiard's
    _SimpleQueue); killing that one leaves the pool waiting for ever, with tachograph or without.
    """
    pytest.importorskip("celery")
    for name in ("sent", "queue", "control"):
        (tmp_path / name).mkdir()
    journal, tasks, killed = Journal(tmp_path), 100 * SECONDS, set[Path]()
    command = ("celery", "--app=application", "worker", "--pool=prefork", "--concurrency=4", "--loglevel=warning")
    with serving(tmp_path, CELERY, *command) as server:
        (tmp_path / "sender.py").write_text(textwrap.dedent(SENDER), encoding="utf-8")
        environment = {**os.environ, "JOURNAL": str(tmp_path)}
        with subprocess.Popen([sys.executable, "sender.py", str(tasks)], cwd=tmp_path, env=environment) as sender:
            while sender.poll() is None:
                kill_victims(tmp_path, killed)
                time.sleep(0.01)
        assert sender.returncode == 0

        def all_are_done() -> bool:
            kill_victims(tmp_path, killed)
            return len(killed) == SECONDS and not list((tmp_path / "queue").iterdir())

        wait_until(all_are_done, server, tmp_path)
        wait_until(journal.has_stopped, server, tmp_path)
        kill_server(server)
    journal.expect_all(tmp_path)
    calls_of = {row.operation: row.calls for row in tacho.load(tmp_path / "shared").operations()}
    assert calls_of["request"] == tasks
    assert calls_of["last"] > 0
