"""Drives `find_token` by hand with next() and send(): no server, no gate. Counts what was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from captcha_gate.effects import Compute, ReadChunk
from captcha_gate.errors import RepeatedField, UnreadableRequest
from captcha_gate.request import RequestView
from captcha_gate.tokens.fields import ClientField, Source, TokenSettings, Wanted
from captcha_gate.tokens.find import Token, find_token
from support.world import TOKEN

EVERYWHERE = tuple(Source)
GEETEST_FIELDS = tuple(ClientField(name) for name in TOKEN)
CN = Wanted.by("cn", GEETEST_FIELDS, {}, sole_single=True)
POW = Wanted.by("pow", (ClientField("altcha"),), {}, sole_single=True)

#: Chunk sizes in bytes; `None` is the whole body at once.
CHUNKINGS = (1, 2, 7, None)


class GivenHeaders:
    """The headers of a view, from pairs."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.pairs = [(name.lower(), value) for name, value in pairs]

    def get_all(self, name: str) -> list[str]:
        return [value for other, value in self.pairs if other == name]

    get_like = get_all


@dataclass
class Search:
    """What a search for a token came to.

    Attributes:
        token: what was found.
        refused: the reason of the refusal, or `repeated`; `None` where there was none.
        asked: how many chunks were asked for.
        taken: how many bytes were handed over.
        computed: how often a loop would have handed work to a thread.

    """

    token: Token | None
    refused: str | None
    asked: int
    taken: int
    computed: int = 0

    @property
    def outcome(self) -> str:
        """`token`, `missing`, or why it was refused."""
        return self.refused or ("token" if self.token else "missing")

    @property
    def conclusion(self) -> object:
        """All that may be compared between two ways of cutting the same body."""
        return self.outcome, self.token and (self.token.provider, self.token.source, self.token.fields)


def view_of(*headers: tuple[str, str], query: str = "", kind: str = "http") -> RequestView:
    return RequestView(kind=kind, method="POST", path="/login", query_string=query, headers=GivenHeaders(headers))


def cut(body: bytes, size: int | None) -> Iterator[bytes]:
    """The body in pieces of so many bytes."""
    step = size or len(body) or 1
    return (body[start : start + step] for start in range(0, len(body), step))


def cut_at(body: bytes, places: Iterable[int]) -> list[bytes]:
    """The body cut at these places; no piece is empty."""
    ends = [*sorted({place for place in places if 0 < place < len(body)}), len(body)]
    return [body[start:end] for start, end in zip([0, *ends], ends, strict=False) if start < end]


def search(
    view: RequestView,
    chunks: Iterable[bytes] = (),
    *,
    wanted: Sequence[Wanted] = (CN,),
    sources: tuple[Source, ...] = EVERYWHERE,
    max_body: int = 1024 * 1024,
) -> Search:
    """Let `find_token` look, and hand it one chunk each time it asks."""
    flow = find_token(wanted, TokenSettings(sources, max_body), view)
    left = iter(chunks)
    here = Search(None, None, 0, 0)
    try:
        effect = next(flow)
        while True:
            if isinstance(effect, Compute):
                here.computed += 1
                effect = flow.send(effect.call())
                continue
            assert isinstance(effect, ReadChunk)
            chunk = next(left, b"")
            here.asked += 1
            here.taken += len(chunk)
            effect = flow.send(chunk)
    except StopIteration as end:
        here.token = end.value
    except RepeatedField:
        here.refused = "repeated"
    except UnreadableRequest as error:
        here.refused = error.reason.value
    return here


def search_body(content_type: str, body: bytes, size: int | None = None, **options: object) -> Search:
    """Look in a body, cut into pieces of so many bytes."""
    return search(view_of(("content-type", content_type)), cut(body, size), **options)  # type: ignore[arg-type]
