"""The gate's pages, made of templates and words: why a request was refused, where to solve a CAPTCHA. Decides nothing.

Everything that is put into a template is escaped here, by the name of its place; nothing in a page runs or is loaded
but what its Content-Security-Policy names.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qsl, quote

from werkzeug.http import parse_options_header

from captcha_gate.decision import Decision
from captcha_gate.replies.words import Words
from captcha_gate.request import MAX_PARAMETERS

if TYPE_CHECKING:
    from captcha_gate.providers.base import Provider
    from captcha_gate.request import Pairs, RequestView
    from captcha_gate.rules import Policy, Rule

__all__ = ["CHALLENGE", "LONGEST_FORM", "NEEDED", "PLACES", "REFUSAL", "Page", "Pages", "sendable"]

REFUSAL: Final = "refusal.html"
CHALLENGE: Final = "challenge.html"
#: The places that a template of an operator's own may have.
PLACES: Final = {
    REFUSAL: frozenset({"language", "nonce", "title", "advice", "back", "code", "contact"}),
    CHALLENGE: frozenset(
        {"language", "nonce", "title", "advice", "back", "code", "contact", "script", "rule", "fields", "noscript"}
        | {"method", "action"}
    ),
}
#: Without these a challenge page does not work.
NEEDED: Final = frozenset({"nonce", "script", "rule", "fields", "method", "action"})
#: Bytes of a form that wait in a page to be sent again.
LONGEST_FORM: Final = 64 * 1024
_FORM: Final = "application/x-www-form-urlencoded"
_NOWHERE: Final = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"


class Page(NamedTuple):
    """A page and the Content-Security-Policy that it is sent with."""

    body: bytes
    policy: str


class Pages:
    """The pages of one policy.

    Args:
        policy: its pages and providers.
        new_nonce: makes a random text for each page.
    """

    def __init__(self, policy: Policy, new_nonce: Callable[[], str]) -> None:
        self._policy = policy
        self._new_nonce = new_nonce

    def refusal(self, decision: Decision, words: Words, *, typed: bool) -> Page:
        """Why a request was refused, and what to do next.

        Args:
            decision: what became of the request.
            words: the client's.
            typed: the client sent a form, which its browser still has.
        """
        title, advice = words.of(decision.outcome, decision.reason)
        nonce = self._new_nonce()
        back = words.pages["back"] if typed else ""
        body = self._filled(REFUSAL, words, nonce, title=title, advice=advice, back=back, code=decision.reason.value)
        return Page(body, f"{_NOWHERE}; form-action 'none'; style-src 'nonce-{nonce}'")

    def challenge(self, rule: Rule, decision: Decision, view: RequestView, words: Words, form: Pairs | None) -> Page:
        """Where to solve a CAPTCHA: it goes back to where it came from, and sends the form again where it may.

        Args:
            rule: the one that asks.
            decision: what became of the request.
            view: the request.
            words: the client's.
            form: what was sent, where it may be sent again.
        """
        nonce = self._new_nonce()
        kept = "" if view.method in ("GET", "HEAD") else "page_keep" if form is None else "page_back"
        body = self._filled(
            CHALLENGE,
            words,
            nonce,
            title=words.pages["page_title"],
            advice=words.pages["page_advice"],
            back=words.pages[kept] if kept else "",
            noscript=words.pages["page_noscript"],
            code=decision.reason.value,
            script=f"{view.base}{self._policy.prefix}/gate.js",
            rule=str(rule.name),
            method="get" if view.method in ("GET", "HEAD") else "post",
            action=_address(view),
            fields=form or (),
        )
        providers = [self._policy.providers[name] for name in rule.providers]
        return Page(body, _sources(providers, nonce, sends=bool(form)))

    def _filled(self, name: str, words: Words, nonce: str, *, fields: Pairs = (), **texts: str) -> bytes:
        own = self._policy.pages.templates.get(name)
        template = _shipped(name) if own is None else Template(own)
        places = {place: html.escape(text) for place, text in texts.items()}
        places.update(language=words.language, nonce=nonce, fields=_inputs(fields), contact=self._contact(words))
        return template.substitute(places).encode()

    def _contact(self, words: Words) -> str:
        link = self._policy.pages.contact
        return f'<a href="{html.escape(link)}">{html.escape(words.pages["page_contact"])}</a>' if link else ""


def sendable(rule: Rule, view: RequestView, form: bytes | None) -> Pairs | None:
    """The fields of a refused form that its page may send again; `None` where it may not.

    Only what a page of this very origin sent: sent again from here, a form of another site would pass for one of ours.
    """
    if form is None or view.method != "POST" or view.header("sec-fetch-site") != "same-origin":
        return None
    media_type, options = parse_options_header(view.header("content-type"))
    if media_type != _FORM or options.get("charset", "utf-8").lower() != "utf-8" or len(form) > LONGEST_FORM:
        return None
    try:
        pairs = parse_qsl(form.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        return None
    spent = {name for wanted in rule.wanted for name in wanted.names.values()}
    return tuple((name, value) for name, value in pairs if name not in spent)


def _inputs(fields: Pairs) -> str:
    return "".join(
        f'<input type="hidden" name="{_attribute(name)}" value="{_attribute(value)}">' for name, value in fields
    )


def _attribute(text: str) -> str:
    """A value that comes out as it went in: browsers read a line's end in an attribute as they please."""
    return html.escape(text).replace("\r", "&#13;").replace("\n", "&#10;")


def _address(view: RequestView) -> str:
    """The path and the query of the request: never more, and never read as another host's."""
    path = quote(view.path_from_root, safe="/:@!$&'()*+,;=~")
    query = quote(view.query_string, safe="/:@!$&'()*+,;=~?%")
    own = f"/.{path}" if path.startswith("//") else path if path.startswith("/") else f"/{path}"
    return f"{own}?{query}" if query else own


def _sources(providers: Iterable[Provider], nonce: str, *, sends: bool) -> str:
    """What a challenge page may load: our own script, and what its providers' widgets need.

    Args:
        providers: the rule's.
        nonce: the page's.
        sends: it holds a form that is sent again. Where to is ours to say, but the application may answer with a
            redirection to anywhere, and browsers would hold `form-action` against that.
    """
    providers = list(providers)
    sources = list(dict.fromkeys(source for provider in providers for source in provider.csp_sources))
    # `'wasm-unsafe-eval'` and `blob:` are for what runs.
    hosts = " ".join(source for source in sources if "//" in source)
    runs = " ".join(sources)
    workers = " ".join(["'self'", *(source for source in sources if source == "blob:")])
    styles = "'unsafe-inline'" if any(provider.unsafe_styles for provider in providers) else f"'nonce-{nonce}'"
    return "; ".join(
        [
            f"{_NOWHERE}; worker-src {workers}",
            *([] if sends else ["form-action 'self'"]),
            f"script-src 'nonce-{nonce}' {runs}".strip(),
            f"style-src {styles} {hosts}".strip(),
            f"connect-src 'self' {hosts}".strip(),
            f"img-src 'self' data: {hosts}".strip(),
            *([f"frame-src {hosts}", f"font-src {hosts}", f"media-src {hosts}"] if hosts else []),
        ]
    )


@cache
def _shipped(name: str) -> Template:
    return Template(files("captcha_gate.pages").joinpath(name).read_text(encoding="utf-8"))
