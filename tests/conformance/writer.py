"""One of the writers of test_together.py, and four that it forks: see there."""

import os
import sys

import tachograph as tacho


def say(name: str) -> None:
    file = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, b".")
    os.close(file)


def call() -> None:
    tacho.record("call", 0.001, kind="llm", provider="own", model="m", usage={"input": 3, "output": 5})


def record_until_killed() -> None:
    while True:
        say("begun")
        call()
        say("done")


if __name__ == "__main__":
    count = int(sys.argv[1])
    call()  # before the fork, so that the children have something to leave behind
    wait, go = os.pipe()
    child = 1
    for _ in range(4):
        child = child and os.fork()
    for _ in range(count if child == 0 else count - 1):
        call()
    print("done", flush=True)
    if child == 0:
        assert os.read(wait, 1)
    else:
        assert os.read(0, 1)
        os.write(go, b"....")
    record_until_killed()
