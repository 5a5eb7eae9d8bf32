"""How an adapter keeps itself: secrets inside, clients closed, settings named, nothing heavy before it is opened."""

import asyncio
import subprocess
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator

import pytest

from core.errors import ConfigurationError, SendFailure
from otklik.contract.driver import ACCOUNT
from otklik.contract.facts import ACCEPTED, CHECK, SILENT
from otklik.contract.suite import Contract, opened, until

LIGHT = 20
"""Modules that loading a kind may import beyond the plugin interface and Python's own: no provider's library fits."""
_LOADING = """
import sys, otklik.plugin, core.installed as channels
before = set(sys.modules)
channels.installed({kind!r}) if {kind!r} in channels.plugins() else None
print(sum(name.partition(".")[0] not in sys.stdlib_module_names for name in set(sys.modules) - before))
"""


class KeepingContract(Contract):
    """What must hold around every call."""

    @pytest.mark.asyncio
    async def test_secrets_stay_inside(self) -> None:
        """Not in a repr, a message, or anything chained to an exception."""
        told = []
        async with opened(self.make()) as adapter:
            calls: list[Callable[[], Awaitable[object]]] = [lambda: adapter.send(self.driver.message)]
            calls += [adapter.check] if CHECK not in self.driver.lacks else []
            told += [repr(adapter), str(adapter), repr(adapter.capabilities)]
            for call in calls:
                with pytest.raises(Exception) as caught:
                    await call()
                told += ["".join(traceback.format_exception(caught.value)), *_chained(caught.value)]
        for fact in self.driver.facts:
            if fact.expected.receipt:
                continue
            async with self.driver.provider(fact.script) as provider, opened(self.make(provider.options)) as adapter:
                with pytest.raises((SendFailure, ConfigurationError)) as caught:
                    await adapter.send(self.driver.message)
                told += _chained(caught.value)
        for secret in self.driver.secrets:
            assert not [text for text in told if secret in text]

    def test_wrong_settings_are_named_and_their_values_are_not(self) -> None:
        options = self.driver.unreachable()
        name = max(options, key=len)
        misspelt = name[:-2] + name[-1] + name[-2] + "x"
        with pytest.raises(ConfigurationError, match=rf"{ACCOUNT}\.{misspelt}: no such setting") as caught:
            self.make(options | {misspelt: "1"})
        assert not [secret for secret in self.driver.secrets if secret in str(caught.value)]
        with pytest.raises(ConfigurationError, match=rf"{ACCOUNT}\.\w+: is missing"):
            self.make({})

    @pytest.mark.asyncio
    async def test_closing_twice_or_unopened_is_no_error(self) -> None:
        await self.make().close()
        adapter = self.make()
        await adapter.open()
        await adapter.close()
        await adapter.close()

    @pytest.mark.asyncio
    async def test_closing_ends_every_connection(self) -> None:
        async with self.driver.provider(self.needed(ACCEPTED).script) as provider:
            adapter = self.make(self.driver.patient(provider.options))
            await adapter.open()
            await adapter.send(self.driver.message)
            await adapter.close()
            await until(lambda: provider.connections() == 0, "the end of the connection")

    @pytest.mark.asyncio
    async def test_a_cancelled_send_leaves_no_task_and_no_connection(self) -> None:
        fact = self.needed(SILENT)
        before = asyncio.all_tasks()
        async with self.driver.provider(fact.script) as provider:
            adapter = self.make(self.driver.patient(provider.options))
            await adapter.open()
            sending = asyncio.ensure_future(adapter.send(self.driver.message))
            await until(lambda: provider.taken() or sending.done(), "the request")
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            await adapter.close()
            await until(lambda: provider.connections() == 0, "the end of the connection")
        await until(lambda: not asyncio.all_tasks() - before, "the end of every task")

    def test_loading_the_kind_imports_nothing_heavy(self) -> None:
        """Providers' libraries are imported when an account is opened: ``otklik --help`` is for everybody."""
        program = _LOADING.format(kind=self.driver.kind)
        done = subprocess.run(  # noqa: S603 - our own interpreter and program
            [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=240
        )
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) <= LIGHT


def _chained(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield from (str(error), repr(error), repr(getattr(error, "__dict__", "")))
        error = error.__cause__ or error.__context__
