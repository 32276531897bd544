"""VAPTCHA's device API: what is sent and what the replies mean. Does no I/O, and knows no gate.

Rules from the section on device validation of VAPTCHA's deployment document of version 3. It states neither how the
parameters of a PUT are sent (all go into the query here, as its tables show them alike) nor what it says of a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from captcha_gate.echo import without_echo
from captcha_gate.effects import Fetch, Flow
from captcha_gate.errors import BadReply, DeviceError, FetchError
from captcha_gate.outcome import Reason
from captcha_gate.providers.reading import json_object, refusal_by_status, text_of
from captcha_gate.providers.vaptcha import Vaptcha

__all__ = ["Device", "DeviceUse", "exit_flow", "list_flow", "query_flow", "register_flow"]

#: Seconds since 1970 beyond which a time is none: the year 9999 is over.
_LATEST: Final = 253_402_300_800


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """How the device that solved the CAPTCHA was used before.

    Attributes:
        count: how many times this user logged in with it; 0 for one that is not registered.
        latest: when that was last, aware and in UTC; `None` where the vendor names no time.
    """

    count: int
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class Device:
    """One registered device of a user, of which there are at most five.

    Attributes:
        id: the vendor's name of it.
        count: how many times the user logged in with it.
        system: what it runs, e.g. `Windows`.
        ip: the address of the latest login.
        latest: when that was, aware and in UTC; `None` where the vendor names no time.
    """

    id: str
    count: int
    system: str
    ip: str
    latest: datetime | None


def query_flow(account: Vaptcha, user_id: str, server: str, token: str) -> Flow[DeviceUse]:
    """How a user has used the device that solved the CAPTCHA."""
    data = yield from _call(account, "GET", _at(account, server, token), {"id": user_id, "token": token})
    if not isinstance(data, dict):
        raise DeviceError(Reason.BAD_REPLY, "the data is no object")
    return DeviceUse(_count(data.get("count")), _time(data.get("latestTime")))


def register_flow(account: Vaptcha, user_id: str, server: str, token: str, *, always: bool) -> Flow[None]:
    """Register that device for a user."""
    parameters = {"id": user_id, "token": token, "regedit": "1" if always else "0"}
    yield from _call(account, "PUT", _at(account, server, token), parameters)


def list_flow(account: Vaptcha, user_id: str) -> Flow[tuple[Device, ...]]:
    """All registered devices of a user."""
    data = yield from _call(account, "GET", f"{account.base_url}/api/v1/device", {"id": user_id})
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise DeviceError(Reason.BAD_REPLY, "the data is no list of objects")
    return tuple(
        Device(
            id=text_of(item.get("id")),
            count=_count(item.get("count")),
            system=text_of(item.get("device")),
            ip=text_of(item.get("ip")),
            latest=_time(item.get("latestTime")),
        )
        for item in data
    )


def exit_flow(account: Vaptcha, user_id: str) -> Flow[None]:
    """Forget the device with which a user logged in last."""
    yield from _call(account, "DELETE", f"{account.base_url}/api/v1/device", {"id": user_id})


def _at(account: Vaptcha, server: str, token: str) -> str:
    """Where the devices are asked for.

    Raises:
        DeviceError: `server` and `token` are none that the gate would ask about. Handlers pass on what a client sent,
            so they may be of any type.
    """
    fields = {"vaptcha_server": server, "vaptcha_token": token}
    well_formed = all(isinstance(value, str) for value in fields.values()) and account.accepts(fields)
    named = account.servers.named_by(server) if well_formed else None
    if named is None:
        raise DeviceError(
            Reason.MALFORMED_TOKEN, "the server is none of allowed_servers, or the token is none; nobody was asked"
        )
    return f"{named.origin}/verify/device"


def _check_user(user_id: object) -> None:
    if not isinstance(user_id, str):
        raise TypeError(
            f"the user's id is no text but {type(user_id).__name__} (write str(…), or better an HMAC of it)"
        )
    if not user_id.strip():
        raise ValueError("the user's id is empty or blank: everybody would share it")


def _call(account: Vaptcha, method: str, url: str, parameters: Mapping[str, str]) -> Flow[Any]:
    """The data of a reply whose code is 200.

    Raises:
        DeviceError: there is none. Its message quotes no token and no id.
        TypeError: the user's id is no text.
        ValueError: it is blank.
    """
    _check_user(parameters["id"])
    try:
        response = yield from Fetch(httpx.Request(method, url, params=dict(parameters)), account.timeout)
        refused = refusal_by_status(response)
        if refused is not None:
            raise DeviceError(refused.reason, refused.provider_reason)
        reply = json_object(response)
    except FetchError as error:
        raise DeviceError(error.reason, error.explanation) from None
    except BadReply as error:
        raise DeviceError(Reason.BAD_REPLY, str(error)) from None
    code = reply.get("code")
    if type(code) is int and code == 429:
        raise DeviceError(Reason.THROTTLED, "asked too often")
    if response.status_code != 200 or type(code) is not int or code != 200:
        told = without_echo(text_of(reply.get("msg")), parameters.values())
        raise DeviceError(Reason.INVALID_TOKEN, told or f"HTTP {response.status_code}, code {text_of(code)[:20]}")
    return reply.get("data")


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise DeviceError(Reason.BAD_REPLY, "the count is no number")
    return value


def _time(value: object) -> datetime | None:
    if type(value) is not int or not 0 < value < _LATEST:
        return None
    return datetime.fromtimestamp(value, UTC)
