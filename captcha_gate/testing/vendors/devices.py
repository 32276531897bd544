"""The devices on which a site's users log in, as VAPTCHA counts them: at most five a user. Knows no wire format."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Devices"]

_MOST: Final = 5


@dataclass
class _Device:
    """One device of one user."""

    name: str
    logins: int = 0
    latest: int = 0  # unix seconds
    number: str = field(default_factory=lambda: secrets.token_hex(12))

    def as_listed(self) -> dict[str, Any]:
        shown = {"id": self.number, "count": self.logins, "device": self.name}
        return {**shown, "ip": "127.0.0.1", "latestTime": self.latest}


class Devices:
    """Which user logged in on which devices, how often, and when last."""

    def __init__(self) -> None:
        self._devices: dict[str, dict[str, _Device]] = {}  # by user and name, the last used last
        self._lock = threading.Lock()

    def find(self, user: str, name: str) -> dict[str, int]:
        """How often a user logged in on a device, and when last; never on one that is not registered."""
        with self._lock:
            device = self._devices.get(user, {}).get(name, _Device(name))
            return {"count": device.logins, "latestTime": device.latest}

    def log_in(self, user: str, name: str, *, register: bool) -> bool:
        """Note a login on a device that is registered, or is to be; `False` where the user has five others."""
        with self._lock:
            devices = self._devices.setdefault(user, {})
            if name not in devices and not register:
                return True
            if name not in devices and len(devices) >= _MOST:
                return False
            device = devices.pop(name, None) or _Device(name)
            device.logins += 1
            device.latest = int(time.time())
            devices[name] = device
            return True

    def of(self, user: str) -> list[dict[str, Any]]:
        """A user's devices as VAPTCHA lists them."""
        with self._lock:
            return [device.as_listed() for device in self._devices.get(user, {}).values()]

    def delete_last_used(self, user: str) -> None:
        """Delete the device on which a user logged in last, if there is one."""
        with self._lock:
            devices = self._devices.get(user, {})
            if devices:
                devices.popitem()
