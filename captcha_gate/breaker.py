"""When a vendor's server is not worth asking: counts its outages and says for how long. Asks nobody, reads no clock.

    closed    asked as usual. So many outages within the window, without an answer between them, make it doubtful
    doubtful  whoever comes next asks the vendor himself first (a probe): an answer closes it, none opens it
    open      not asked for a while; after that it is doubtful again

No client's word opens it, for its tokens are not in the probe; any answer closes it, whoever's it is.
"""

from __future__ import annotations

from collections import deque

__all__ = ["Breaker"]


class Breaker:
    """The breaker of one server of one account. Its `now` is seconds of any clock that only goes forward.

    Args:
        failures: outages that make it doubtful.
        window: seconds within which they must fall.
        open_for: seconds for which it stays open.
    """

    def __init__(self, *, failures: int, window: float, open_for: float) -> None:
        self._window = window
        self._open_for = open_for
        self._failed_at: deque[float] = deque(maxlen=failures)
        self._open_until: float | None = None

    def is_closed(self, now: float) -> bool:
        """Whether the server is asked as usual."""
        return self._open_until is None and not self.is_doubtful(now)

    def is_open(self, now: float) -> bool:
        """Whether the server is not to be asked."""
        return self._open_until is not None and now < self._open_until

    def is_doubtful(self, now: float) -> bool:
        """Whether a probe should be asked before the next request."""
        if self._open_until is not None:
            return now >= self._open_until
        return len(self._failed_at) == self._failed_at.maxlen and self._failed_at[0] >= now - self._window

    def failed(self, now: float) -> None:
        """The server gave no answer."""
        self._failed_at.append(now)

    def open(self, now: float) -> None:
        """The probe got no answer either."""
        self._open_until = now + self._open_for

    def close(self) -> None:
        """The server answered somebody."""
        self._failed_at.clear()
        self._open_until = None
