"""VAPTCHA's device API, for handlers behind the gate: which devices a user has. Decides no request and gates nothing.

    from captcha_gate.vaptcha import devices            # or async_devices, whose methods are awaited

    known = devices(policy, "va")                       # "va" is a provider of type vaptcha in the policy
    known.query(user_id, server=form["vaptcha_server"], token=form["vaptcha_token"])

`server` and `token` are what the handler itself received. The vendor takes the token here only after it was verified:
call these where `decision_of(request).verified` is true, and nowhere else. The gate verified the first complete token
that it found where the rule looks: a client can put one into a header and another into the form. So let the rule look
only where the handler does: `token: {from: [form]}`.

What is sent and what the replies mean stands in `providers.vaptcha_devices`.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx

from captcha_gate.drive import arun, run
from captcha_gate.effects import Effect, Fetch
from captcha_gate.egress.fetch import AsyncFetcher, SyncFetcher
from captcha_gate.providers.vaptcha import Vaptcha
from captcha_gate.providers.vaptcha_devices import Device, DeviceUse, exit_flow, list_flow, query_flow, register_flow
from captcha_gate.rules import Policy

if TYPE_CHECKING:
    from captcha_gate.mounting import PolicySource

__all__ = ["AsyncDevices", "Device", "DeviceUse", "Devices", "async_devices", "devices"]


def devices(policy: PolicySource, provider: str, *, http_client: httpx.Client | None = None) -> Devices:
    """The device API of a VAPTCHA account, for threads.

    Args:
        policy: what the gate was given: a path, a mapping, or a loaded `Policy`.
        provider: the account's name in it.
        http_client: asks instead of a client of our own.

    Raises:
        PolicyError: the policy does not load.
        LookupError: it has no provider of this name and of type `vaptcha`.
    """
    return Devices(_account(policy, provider), http_client)


def async_devices(policy: PolicySource, provider: str, *, http_client: httpx.AsyncClient | None = None) -> AsyncDevices:
    """The same for event loops. Keep one: it reuses its connections."""
    return AsyncDevices(_account(policy, provider), http_client)


class Devices:
    """What can be asked about a user's devices. Made by `devices`; a context manager, where it is not kept for ever."""

    def __init__(self, account: Vaptcha, http_client: httpx.Client | None = None) -> None:
        self._account = account
        self._fetcher = SyncFetcher(http_client)

    def query(self, user_id: str, *, server: str, token: str) -> DeviceUse:
        """How this user has used the device that solved the CAPTCHA.

        Args:
            user_id: an opaque id of the user, such as an HMAC: never a name or a telephone number.
            server: `vaptcha_server` as the page sent it; no other URL than those of `allowed_servers` is asked.
            token: `vaptcha_token` as the page sent it, verified by the gate just now.

        Raises:
            DeviceError: the server is not allowed, does not answer, or refuses; or `server` or `token` is none.
            TypeError: the user's id is no text.
            ValueError: it is blank.
        """
        return run(query_flow(self._account, user_id, server, token), self._perform)

    def register(self, user_id: str, *, server: str, token: str, always: bool = False) -> None:
        """Register the device that solved the CAPTCHA for this user. Do so only for users who have proven who they are.

        Args:
            user_id: as for `query`.
            server: as for `query`.
            token: as for `query`.
            always: register it in any case; else VAPTCHA judges whether to.

        Raises:
            DeviceError, TypeError, ValueError: as for `query`.
        """
        run(register_flow(self._account, user_id, server, token, always=always), self._perform)

    def list(self, user_id: str) -> tuple[Device, ...]:
        """All registered devices of a user.

        Asked is the fixed host, `base_url`. The vendor's document shows no credential for this call: whoever knows an
        id can ask as well. One more reason for ids that nobody can guess.

        Raises:
            DeviceError: the host does not answer, or refuses.
            TypeError, ValueError: as for `query`.
        """
        return run(list_flow(self._account, user_id), self._perform)

    def exit(self, user_id: str) -> None:
        """Forget the device with which this user logged in last.

        Asked is the fixed host, without any credential, as for `list`: whoever knows an id can do so as well.

        Raises:
            DeviceError: the host does not answer, or refuses.
            TypeError, ValueError: as for `query`.
        """
        run(exit_flow(self._account, user_id), self._perform)

    def close(self) -> None:
        """Close the connections."""
        self._fetcher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _perform(self, effect: Effect[Any]) -> httpx.Response:
        if isinstance(effect, Fetch):
            return self._fetcher.perform(effect)
        raise TypeError(f"nobody performs {type(effect).__name__}")


class AsyncDevices:
    """`Devices` for event loops: the same methods, to be awaited."""

    def __init__(self, account: Vaptcha, http_client: httpx.AsyncClient | None = None) -> None:
        self._account = account
        self._fetcher = AsyncFetcher(http_client)

    async def query(self, user_id: str, *, server: str, token: str) -> DeviceUse:
        """As `Devices.query`."""
        return await arun(query_flow(self._account, user_id, server, token), self._perform)

    async def register(self, user_id: str, *, server: str, token: str, always: bool = False) -> None:
        """As `Devices.register`."""
        await arun(register_flow(self._account, user_id, server, token, always=always), self._perform)

    async def list(self, user_id: str) -> tuple[Device, ...]:
        """As `Devices.list`."""
        return await arun(list_flow(self._account, user_id), self._perform)

    async def exit(self, user_id: str) -> None:
        """As `Devices.exit`."""
        await arun(exit_flow(self._account, user_id), self._perform)

    async def aclose(self) -> None:
        """Close the running loop's connections."""
        await self._fetcher.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _perform(self, effect: Effect[Any]) -> httpx.Response:
        if isinstance(effect, Fetch):
            return await self._fetcher.perform(effect)
        raise TypeError(f"nobody performs {type(effect).__name__}")


def _account(policy: PolicySource, provider: str) -> Vaptcha:
    if not isinstance(policy, Policy):
        from captcha_gate.policy.load import load_policy  # noqa: PLC0415 - as in `mounting`

        policy = load_policy(policy)
    account = policy.providers.get(provider)
    if not isinstance(account, Vaptcha):
        raise LookupError(  # noqa: TRY004 - what is looked up is an account of this type
            f"the policy has no provider {provider!r} of type vaptcha"
        )
    return account
