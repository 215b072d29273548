"""The package as a whole: what importing does, settings, the command, platforms without the core, interpreters."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import tachograph as tacho


def run(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that runs `code`."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def lines(code: str, **environment: str) -> list[str]:
    done = run(code, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


# -------------------------------------------------------------------------------------------------------------- import


def test_import_reads_no_environment_and_starts_nothing() -> None:
    """A bad setting in the environment and a settings file are noticed at the first use, not at import."""
    code = """
        import os, sys, threading
        opened = []
        sys.addaudithook(lambda event, args: opened.append((event, args[:1])) if event in WATCHED else None)
        """.replace("WATCHED", "('socket.connect', 'socket.bind', 'subprocess.Popen', 'os.system', 'os.fork')")
    code += """
        os.environ["TACHO_SESSION"] = "before"
        import tachograph as tacho
        assert threading.active_count() == 1 and opened == [], opened
        tasks = len(os.listdir("/proc/self/task"))
        os.environ["TACHO_SESSION"] = "after"
        tacho.record("a", 1)
        print(tacho.sessions()[0].session, tasks, len(os.listdir("/proc/self/task")))
        """
    assert lines(code) == ["after 1 1"]


def test_import_opens_no_other_file_than_the_package() -> None:
    code = """
        import sys
        opened = []
        sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
        import tachograph
        print([name for name in opened if "tachograph" not in name and "/lib" not in name])
        print([name for name in ("typing", "dataclasses", "decimal", "datetime", "logging", "asyncio", "inspect")
               if name in sys.modules and name not in BEFORE])
        """
    code = "import sys; BEFORE = set(sys.modules)\n" + textwrap.dedent(code)
    assert lines(code) == ["[]", "[]"]


def test_import_starts_nothing_that_the_kernel_would_know_of(tmp_path: Path) -> None:
    """No thread, no process, no socket, no file but for reading."""
    if shutil.which("strace") is None or "LD_PRELOAD" in os.environ:
        pytest.skip("strace is not installed, or would be sanitized too")
    code = "import os; os.write(1, b'begin'); import tachograph; os.write(1, b'end')"
    trace = tmp_path / "trace"
    done = subprocess.run(["strace", "-f", "-o", trace, sys.executable, "-B", "-c", code], capture_output=True)
    if done.stdout != b"beginend":
        pytest.skip(f"strace may not trace here: {done.stderr!r}")
    between = trace.read_text().partition('write(1, "begin"')[2].partition('write(1, "end"')[0]
    calls = set(re.findall(r"^\d+ +(\w+)\(", between, re.MULTILINE))
    assert "openat" in calls and "_core" in between  # it was imported just there
    assert not calls & {"clone", "clone3", "fork", "vfork", "socket", "socketpair", "pipe2", "memfd_create", "eventfd2"}
    assert not calls & {"rt_sigaction", "mkdir", "unlink", "rename", "ftruncate", "fallocate", "timer_create"}
    flags = re.findall(r'openat\([^"]*"[^"]*", ([A-Z_|]+)', between)
    assert flags and not any(word in flag for flag in flags for word in ("O_WRONLY", "O_RDWR", "O_CREAT"))


def test_version() -> None:
    assert tacho.__version__.count(".") == 2
    assert lines("import tachograph; print(tachograph.__version__)") == [tacho.__version__]


def test_every_public_name_is_there() -> None:
    for name in tacho.__all__:
        assert getattr(tacho, name) is not None
    assert set(tacho.__all__) <= set(dir(tacho))
    with pytest.raises(AttributeError):
        tacho.no_such_name  # noqa: B018


def test_one_exception_per_status() -> None:
    names = [name for name in dir(tacho) if name.endswith("Error") and name != "TachoError"]
    statuses = [getattr(tacho, name).status for name in names]
    assert len(names) == 15 and sorted(statuses) == list(range(-15, 0))
    for name in names:
        assert issubclass(getattr(tacho, name), tacho.TachoError)
    assert issubclass(tacho.NotFoundError, LookupError) and issubclass(tacho.InvalidError, ValueError)


# ------------------------------------------------------------------------------------------------------------ settings


def test_settings_come_from_the_environment_at_first_use() -> None:
    code = """
        import tachograph as tacho
        def function(): pass
        print(tacho.track(function) is function, tacho.enabled())
        """
    for off in ("false", "0", "off", "OFF"):
        assert lines(code, TACHO_ENABLED=off) == ["True False"]
    assert lines(code, TACHO_ENABLED="1") == ["False True"]


def test_arguments_are_stronger_than_the_environment() -> None:
    code = """
        import tachograph as tacho
        tacho.configure(session="argument")
        print(tacho.collector().session_id, tacho.Collector().session_id)
        """
    assert lines(code, TACHO_SESSION="environment") == ["argument environment"]


def test_a_wrong_setting_raises_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match="window"):
        tacho.Collector(windw=3)
    with pytest.raises(ValueError):
        tacho.Collector(window="many")
    with pytest.raises(ValueError):
        tacho.configure(serve={"port": -1})
    with pytest.raises(TypeError):
        tacho.Collector("text")  # type: ignore[call-arg]


def test_a_wrong_value_in_the_environment_is_not_fatal() -> None:
    assert lines("import tachograph as t; t.record('a', 1); print(len(t.operations()))", TACHO_WINDOW="many") == ["1"]


WARNINGS = """
    import logging, sys
    logging.basicConfig(stream=sys.stdout, format="%(name)s %(levelname)s %(message)s")
    import tachograph as tacho
    @tacho.track
    def function(): pass
    function()
    tacho.Collector()
    print(len(tacho.operations()))
    """


def test_bad_values_of_the_environment_are_logged_once() -> None:
    found = lines(WARNINGS, TACHO_WINDOW="many")
    assert len(found) == 2 and found[0].startswith("tachograph WARNING ") and "TACHO_WINDOW" in found[0]
    assert found[1] == "1"


def test_a_folder_that_cannot_be_used_falls_back_to_private_memory() -> None:
    told, calls = lines(WARNINGS, TACHO_DIR="/nowhere/zz")
    assert "dir '/nowhere/zz' cannot be used" in told
    assert calls == "1"
    with tacho.Collector(dir="/nowhere/zz").operation("x"):
        pass
    with pytest.raises(tacho.TachoError):
        tacho.Collector(dir="/nowhere/zz", strict=True)


def test_tags_that_are_declared_become_labels() -> None:
    collector = tacho.Collector(tags=["tier", "region"])
    collector.record("a", 1, tags={"tier": "gold", "unknown": "x"})
    assert len(collector.operations()) == 1
    with collector.operation("b", tags={"tier": "free"}):
        pass
    with pytest.raises(TypeError):
        collector.operation("c", tags={"tier": 3})  # type: ignore[dict-item]


def test_configure_reads_enabled_as_the_settings_do() -> None:
    tacho.record("x", 1.0)
    for value, expected in [("false", False), ("on", True), ("0", False), (True, True)]:
        assert tacho.configure(enabled=value).enabled() is expected
    with pytest.raises(ValueError, match="enabled"):
        tacho.configure(enabled="perhaps")
    assert tacho.collector().enabled()


def test_configure_after_the_first_record() -> None:
    tacho.record("a", 1)
    with pytest.raises(tacho.TachoError):
        tacho.configure(session="x")
    assert tacho.configure(enabled=True) is tacho.collector()
    tacho.close()
    assert tacho.configure(session="x").session_id == "x"
    tacho.record("b", 1)
    tacho.close()
    tacho.configure()


def test_reset_reads_the_settings_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACHO_SESSION", "again")
    tacho.reset()
    assert tacho.collector().session_id == "again"
    tacho.record("a", 1)
    tacho.reset()
    assert tacho.summary().total_operations == 0
    monkeypatch.delenv("TACHO_SESSION")
    tacho.reset()
    assert tacho.collector().session_id != "again"


def test_the_default_collector_has_every_method() -> None:
    found = tacho.collector()
    assert isinstance(found, tacho.Collector)
    for name in tacho.__all__:
        function = getattr(tacho, name)
        module_only = {"calculate_cost", "collector", "configure", "current", "load", "propagate", "AVAILABLE"}
        if callable(function) and not isinstance(function, type) and name not in module_only:
            assert callable(getattr(found, name)), name


# ------------------------------------------------------------------------------------------------- without the core


@pytest.fixture
def without_core(tmp_path: Path) -> dict[str, str]:
    """The package's Python files without the compiled ones."""
    folder = tmp_path / "tachograph"
    folder.mkdir()
    for source in Path(tacho.__file__).parent.glob("*.py"):
        (folder / source.name).write_bytes(source.read_bytes())
    return {"PYTHONPATH": str(tmp_path)}


def test_without_the_core_everything_is_a_no_op(without_core: dict[str, str]) -> None:
    code = """
        import asyncio
        import tachograph as tacho
        def function(): return 5
        assert tacho.track(function) is function and tacho.track("x", kind="llm")(function) is function
        assert tacho.track_provider_call("openai", function) is function
        assert not tacho.enabled() and not tacho.AVAILABLE
        with tacho.session("s"), tacho.operation("x") as op, op.component("c"):
            op.usage(input=3); op.tool_call("t", 1); op.first_token(); op.fail("auth")
            tacho.current().cost(3)
        async def main():
            async with tacho.step("x") as op: op.usage({})
        asyncio.run(main())
        assert tacho.operation("x")(function) is function
        tacho.record("a", 1); tacho.record_call("p", seconds=1); tacho.record_step({"duration": 1})
        tacho.record_tool_call("a", 1); tacho.record_failure("p", 1, "auth"); tacho.record_usage({})
        tacho.record_context(3)
        assert tacho.propagate(function)() == 5
        assert tacho.operations() == [] and tacho.slowest() == [] and tacho.operations().to_dict() == []
        summary = tacho.summary()
        assert summary.to_dict()["tools"] == [] and "no data" in str(summary)
        assert tacho.calculate_cost("m", {"input": 3}).usd is None
        assert tacho.flush() and tacho.close()
        tacho.reset(); tacho.configure(session="x"); tacho.collector().record("a", 1)
        tacho.Collector(window=3).track(function)
        print("fine")
        """
    done = run(code, **without_core)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "fine\n"
    assert done.stderr.count("recording is off") == 1


def test_the_stand_in_has_what_the_package_uses() -> None:
    from tachograph import _absent, _core  # type: ignore[attr-defined]

    for name in ("Operation", "Session", "Collector", "Snapshot", "Table"):
        own = {member for member in dir(getattr(_core, name)) if not member.startswith("_")}
        assert own <= set(dir(getattr(_absent, name))), name
    functions = {name for name in dir(_core) if not name.startswith("_") and callable(getattr(_core, name))}
    assert functions - {"Tracked"} - {name for name in functions if name.endswith("Error")} <= set(dir(_absent))


# --------------------------------------------------------------------------------------------------------- the command


def test_python_m_is_the_native_command() -> None:
    from tachograph.__main__ import candidates

    native = next((path for path in candidates() if path.is_file()), None)
    if native is None:
        pytest.skip("the command is not part of this installation")
    for arguments in (["--version"], ["--help"], ["nonsense"], ["usage", "--format", "nonsense"], ["summary"]):
        direct = subprocess.run([str(native), *arguments], capture_output=True, check=False)
        module = subprocess.run([sys.executable, "-m", "tachograph", *arguments], capture_output=True, check=False)
        assert (direct.returncode, direct.stdout, direct.stderr) == (module.returncode, module.stdout, module.stderr)


# ------------------------------------------------------------------------------------------------------- interpreters


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs interpreters with a lock of their own")
def test_each_interpreter_has_numbers_of_its_own() -> None:
    code = """
        import sys, textwrap
        if sys.version_info >= (3, 13):
            import _interpreters as interpreters
            new = lambda: interpreters.create("isolated")
        else:
            import _xxsubinterpreters as interpreters
            new = lambda: interpreters.create(isolated=True)
        import tachograph as tacho
        tacho.record("main", 1)
        inside = textwrap.dedent('''
            import tachograph as tacho
            @tacho.track("inside")
            def function(): return tacho.current().name
            assert function() == "inside"
            # As text: importing datetime in such an interpreter crashes CPython 3.12.1 itself.
            text = tacho.collector().take_snapshot().operations().write("csv")
            assert "inside" in text and "main" not in text, text
        ''')
        for _ in range(3):
            one = new()
            failed = interpreters.run_string(one, inside)
            assert not failed, failed
            interpreters.destroy(one)
        print([row.operation for row in tacho.operations()])
        """
    assert lines(code) == ["['main']"]


def test_exit_inside_an_operation_changes_nothing() -> None:
    code = """
        import sys, asyncio, threading, tachograph as tacho
        @tacho.track
        def leaves(): {}
        with tacho.operation("open"):
            kept = tacho.operation("hand").start()
            leaves()
        """
    for how, status in (("sys.exit(7)", 7), ("raise SystemExit", 0), ("import os; os._exit(9)", 9), ("pass", 0)):
        done = run(code.format(how))
        assert (done.returncode, done.stderr) == (status, "")
    done = run(code.format("raise ValueError('x')"))
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == "ValueError: x"


def test_a_thread_that_never_ends_does_not_hold_up_the_exit() -> None:
    code = """
        import threading, tachograph as tacho
        @tacho.track
        def work(): pass
        def loop():
            while True: work()
        threading.Thread(target=loop, daemon=True).start()
        for _ in range(1000): work()
        """
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_signal_handlers_and_finalizers_may_record() -> None:
    code = """
        import gc, signal, tachograph as tacho
        handled = 0
        @tacho.track
        def work(): pass
        def handler(*unused):
            global handled
            handled += 1
            work()
        class Records:
            def __init__(self): self.itself = self
            def __del__(self): work()
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        gc.set_threshold(50)
        finalized = 0
        while handled < 100:
            Records(); finalized += 1
            with tacho.operation("block") as op: op.usage(input=1)
            work()
        signal.setitimer(signal.ITIMER_REAL, 0)
        gc.collect()
        rows = {row.operation: row.calls for row in tacho.operations()}
        assert rows["work"] == 2 * finalized + handled, (rows, finalized, handled)
        print("fine")
        """
    assert lines(code) == ["fine"]


# -------------------------------------------------------------------------------------------------------------- leaks


def test_nothing_leaks() -> None:
    """After warming up, a thousand rounds of everything leave no object and no page behind."""
    code = """
        import gc, resource, asyncio, tachograph as tacho
        collector = tacho.Collector()
        class StatusError(Exception): status_code = 500
        @tacho.track("f", usage=lambda result: result, collector=collector)
        def function(): return {"input": 3}
        @tacho.track(collector=collector)
        def raises(): raise StatusError
        @tacho.track(collector=collector)
        async def waits(): return tacho.current()
        def once():
            function()
            try: raises()
            except StatusError: pass
            try: waits().send(None)
            except StopIteration: pass
            with collector.session("s"), collector.operation("x", kind="llm") as op, op.component("c"):
                op.usage(input=3, model="m"); op.tool_call("t", 1, error=KeyError()); op.cost("1"); op.fail("auth")
                collector.record("r", 1, usage={"input": 3}, components={"a": 1}, ended_at=3)
            tacho.track(lambda: None)()
            collector.record("r", -1); tacho.propagate(function)()
        def read():
            str(collector.summary()); collector.slowest(); collector.export("msgpack"); collector.models().to_dict()
            tacho.calculate_cost("gpt-4o", {"input": 3})
        def state():
            gc.collect()
            return len(gc.get_objects()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(300): once()
        for _ in range(20): read()
        objects, pages = state()
        for _ in range(1000): once()
        for _ in range(20): read()
        after, pages_after = state()
        print(after - objects, pages_after - pages)
        """
    objects, kilobytes = map(int, lines(code)[0].split())
    assert objects < 100
    if "asan" not in os.environ.get("LD_PRELOAD", ""):
        assert kilobytes < 8192


def test_results_are_json_for_the_command(tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    tacho.record("a", 1)
    tacho.save(path)
    assert json.loads(path.read_text())


def test_nothing_is_logged_when_all_is_well(caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    with caplog.at_level(logging.DEBUG):
        tacho.record("a", 1)
        str(tacho.summary())
    assert caplog.records == [] and capfd.readouterr() == ("", "")
