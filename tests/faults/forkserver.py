"""``python -m tests.faults.forkserver``: starts ``otklik run`` by forking a warm interpreter.

Each child runs the command line as anybody's process does; only the imports (two seconds of a core) are shared, so that
it can be killed and started again hundreds of times. One JSON line asks, one answers:
``{"start": {…environment}, "arguments": […], "folder", "out", "log", "failpoint"}`` → ``{"pid": n}``;
``{"wait": pid}`` → ``{"status": n}``.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import sys


def warm_up() -> None:
    """Import what ``otklik run`` imports with mail alone."""
    for name in (
        "aiosqlite",
        "apscheduler.schedulers.asyncio",
        "asyncpg",
        "campaigns.templates.content",
        "channels.email.adapter",
        "otklik.cli",
        "otklik.running",
        "otklik.service",
        "otklik.web",
        "sqlalchemy.dialects.postgresql.asyncpg",
        "uvloop",
    ):
        importlib.import_module(name)


def child(asked: dict) -> None:
    """Become ``otklik`` with these arguments, armed to die at a failpoint if one is named."""
    os.setsid()
    for path, number in ((asked["out"], 1), (asked["log"], 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name in [name for name in os.environ if name.startswith("OTKLIK_")]:
        del os.environ[name]
    os.environ.update(asked["start"])
    os.chdir(asked["folder"])
    sys.argv = ["otklik", *asked["arguments"]]
    if asked["failpoint"]:
        from tests.faults.failpoints import arm

        arm(asked["failpoint"])
    from otklik.cli import main

    main()


def serve() -> None:
    living: set[int] = set()
    try:
        for line in sys.stdin:
            asked = json.loads(line)
            if "start" in asked:
                sys.stdout.flush()
                pid = os.fork()
                if pid == 0:
                    code = 1
                    try:
                        child(asked)
                        code = 0
                    except SystemExit as end:
                        code = int(end.code or 0)
                    finally:
                        os._exit(code)
                living.add(pid)
                answer = {"pid": pid}
            else:
                _, status = os.waitpid(asked["wait"], 0)
                living.discard(asked["wait"])
                answer = {"status": os.waitstatus_to_exitcode(status)}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
    finally:
        for pid in living:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


if __name__ == "__main__":
    warm_up()
    gc.freeze()
    serve()
