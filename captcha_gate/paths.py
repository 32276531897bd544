r"""The readings of a path: everything a server, proxy or framework might take it for. Knows no rules.

Frameworks disagree on `//`, `..`, `%2f`, `;` and `\`, and every disagreement has been somebody's bypass. So the gate
does not guess which reading the application will choose: it decides for each of them, and the strictest wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import unquote, unquote_to_bytes

from captcha_gate.errors import UnreadableRequest
from captcha_gate.outcome import Reason

__all__ = ["below", "has_room", "is_ordinary", "mount_point", "readings", "trimmed"]

#: gunicorn cuts its request line at 4094 and nginx at 8192: a longer path is nobody's honest URL.
MAX_PATH: Final = 8192
#: An honest path has one to three readings, an archived URL within a path some fifty. More is somebody trying.
MAX_READINGS: Final = 256
#: Characters of all readings of a path together: each of them is matched, by every regular expression.
MAX_EXPANDED: Final = 64 * 1024

#: Paths about which something is remembered, and characters of one: at most 300 kB for each thing that is.
_REMEMBERED: Final = 1024
_SHORT_PATH: Final = 256

#: One reading only: no escape, no doubled slash, no segment that begins with a dot, nothing that any framework would
#: cut or fold. What is ordinary and does not fit (`/.well-known`) merely takes longer.
_ORDINARY: Final = re.compile(r"(?:/[A-Za-z0-9_~!$&'()*+,=:@\-][A-Za-z0-9_~!$&'()*+,=:@.\-]*+)*+/?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_ABSOLUTE_FORM: Final = re.compile(r" *[A-Za-z][A-Za-z0-9+.\-]*:(?://[^/?#]*)?")
_PARAMETERS: Final = re.compile(r";[^/]*")
_SLASHES: Final = re.compile(r"/{2,}")
_ENCODED_SLASH: Final = re.compile("%2f", re.IGNORECASE)


def is_ordinary(path: str) -> bool:
    """Whether a decoded path can be taken in one way only."""
    return len(path) <= MAX_PATH and _ORDINARY.fullmatch(path) is not None


def has_room(known: dict[Any, Any], path: str) -> bool:
    """Whether what was found out about a path is remembered. Never too much, whatever clients ask for."""
    if len(path) > _SHORT_PATH:
        return False
    if len(known) >= _REMEMBERED:
        known.clear()
    return True


def trimmed(path: str) -> str:
    """The path without its trailing slashes: `/login/` and `/login` are the same place."""
    return path.rstrip("/") or "/"


def readings(path: str, mount: str = "", raw_path: bytes | None = None, own_mount: str = "") -> tuple[str, ...]:
    """All readings of a path below its mount point, the plainest first, without trailing slashes.

    Args:
        path: decoded once, as ASGI's `path` and WSGI's `PATH_INFO` are. Bytes that are no UTF-8 stand as surrogates.
        mount: the prefix that stands before it and is not part of it (ASGI's `root_path`), if any.
        raw_path: the bytes as they were sent, where the server tells.
        own_mount: the prefix that the application cuts off by itself, whatever the server says, if any.

    Raises:
        UnreadableRequest: `ambiguous_path`, for control characters, invalid UTF-8, absurd lengths and puzzles.
    """
    mount = mount_point(mount)
    if is_ordinary(path) and not (raw_path and b"%" in raw_path):
        if not (mount or own_mount):
            return (trimmed(path),)
        found = {path: None}
    else:
        _refuse_unclear(path, raw_path)
        found = _expanded((path, *_with_slashes_kept(raw_path)))
    places = [place for reading in found for place in _places(reading, mount)]
    if own_mount:
        # It takes the place of the server's, or comes after it.
        places += [below(place, mount_point(own_mount)) for place in (*places, *found)]
    return tuple(dict.fromkeys(map(trimmed, places)))


def _refuse_unclear(path: str, raw_path: bytes | None) -> None:
    """Refuse what no honest client sends. What only a second decoding brings to light is no reason to."""
    if len(path) > MAX_PATH or _CONTROL.search(path):
        raise UnreadableRequest(Reason.AMBIGUOUS_PATH, "the path holds characters that no path should hold")
    if raw_path is not None:
        try:
            unquote_to_bytes(raw_path).decode("utf-8")
        except UnicodeDecodeError:
            raise UnreadableRequest(Reason.AMBIGUOUS_PATH, "the path is not valid UTF-8") from None


def _expanded(given: Iterable[str]) -> dict[str, None]:
    """Apply every transformation to every reading until nothing new appears."""
    found = dict.fromkeys(given)
    waiting = list(found)
    while waiting:
        for variant in _variants(waiting.pop()):
            if variant not in found:
                found[variant] = None
                waiting.append(variant)
        if len(found) > MAX_READINGS or sum(map(len, found)) > MAX_EXPANDED:
            raise UnreadableRequest(Reason.AMBIGUOUS_PATH, "the path can be read in too many ways")
    return found


def _places(reading: str, mount: str) -> Iterator[str]:
    """What a reading is below the mount point; more than one where frameworks cut it off in different ways."""
    place = below(reading, mount)
    yield place
    if mount and place == reading and mount in reading:
        # Not below it by whole segments. Quart cuts it off as text, Litestar wherever it first stands.
        yield "/" + reading.split(mount, 1)[1].lstrip("/")


def _variants(path: str) -> Iterator[str]:
    if "%" in path:
        # Bottle, for one, drops bytes that it cannot take: what is left may well be a route of its own.
        yield _CONTROL.sub("", unquote(path, errors="ignore"))
    if "\\" in path:
        yield path.replace("\\", "/")
    for end in "#?;":
        if end in path:
            yield path.split(end, 1)[0]
    if ";" in path:
        yield _PARAMETERS.sub("", path)
    if "//" in path:
        yield _SLASHES.sub("/", path)
    if "/." in path or path.startswith("."):
        yield _without_dot_segments(path)
    if not path.startswith("/"):
        # Absolute form (`POST http://host/login`) and a missing slash (`POST login`): some servers hand both on.
        host = _ABSOLUTE_FORM.match(path)
        yield (path[host.end() :] or "/") if host else "/" + path.lstrip(" ")
        # Werkzeug's dispatcher takes what stands before the first slash for the name of an application, and drops it.
        yield "/" + path.partition("/")[2]


def _without_dot_segments(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if len(kept) > 1:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if path.endswith(("/.", "/..")):
        kept.append("")
    return "/".join(kept) or "/"


def _with_slashes_kept(raw_path: bytes | None) -> Iterator[str]:
    """The reading of a framework that routes on the raw path, to which `%2f` is no separator."""
    if raw_path and b"%2f" in raw_path.lower():
        text = raw_path.split(b"?", 1)[0].decode("latin-1")
        yield "%2F".join(unquote(piece, errors="replace") for piece in _ENCODED_SLASH.split(text))


def mount_point(mount: str) -> str:
    """ASGI's `root_path` with one slash before it and none behind; empty where there is none."""
    inner = mount.strip("/")
    return "/" + inner if inner else ""


def below(path: str, mount: str) -> str:
    """Cut the mount point off by whole segments: `/v` is no prefix of `/v1`."""
    if mount and (path == mount or path.startswith(mount + "/")):
        return path[len(mount) :] or "/"
    return path
