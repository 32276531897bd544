"""Finds the provider class of a `type`. Ours are named here, others come by entry point. Imports one on demand."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from captcha_gate.providers.base import Provider

__all__ = ["ENTRY_POINTS", "known_types", "provider_class"]

#: The entry point group by which third parties add a type: `my-type = "my_package:MyProvider"`.
ENTRY_POINTS: Final = "captcha_gate.providers"

_OURS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "aliyun": "captcha_gate.providers.aliyun:Aliyun",
        "altcha": "captcha_gate.providers.altcha:Altcha",
        "altcha-sentinel": "captcha_gate.providers.altcha_sentinel:AltchaSentinel",
        "cap": "captcha_gate.providers.self_hosted:Cap",
        "captchafox": "captcha_gate.providers.siteverify_vendors:Captchafox",
        "fake": "captcha_gate.providers.fake:Fake",
        "friendly-v1": "captcha_gate.providers.friendly:FriendlyV1",
        "friendly-v2": "captcha_gate.providers.friendly:FriendlyV2",
        "geetest-v3": "captcha_gate.providers.geetest_v3:GeetestV3",
        "geetest-v4": "captcha_gate.providers.geetest_v4:GeetestV4",
        "hcaptcha": "captcha_gate.providers.siteverify_vendors:Hcaptcha",
        "mcaptcha": "captcha_gate.providers.self_hosted:Mcaptcha",
        "mtcaptcha": "captcha_gate.providers.siteverify_vendors:Mtcaptcha",
        "private-captcha": "captcha_gate.providers.siteverify_vendors:PrivateCaptcha",
        "prosopo": "captcha_gate.providers.siteverify_vendors:Prosopo",
        "recaptcha-enterprise": "captcha_gate.providers.recaptcha:RecaptchaEnterprise",
        "recaptcha-v2": "captcha_gate.providers.recaptcha:RecaptchaV2",
        "recaptcha-v3": "captcha_gate.providers.recaptcha:RecaptchaV3",
        "siteverify": "captcha_gate.providers.siteverify_described:Siteverify",
        "tencent": "captcha_gate.providers.tencent:Tencent",
        "turnstile": "captcha_gate.providers.siteverify_vendors:Turnstile",
        "vaptcha": "captcha_gate.providers.vaptcha:Vaptcha",
        "vaptcha-v4": "captcha_gate.providers.vaptcha_v4:VaptchaV4",
        "yandex": "captcha_gate.providers.siteverify_vendors:Yandex",
        "yidun": "captcha_gate.providers.yidun:Yidun",
        "yunpian": "captcha_gate.providers.yunpian:Yunpian",
    }
)


def known_types() -> list[str]:
    """The names of all types, ours and installed ones."""
    return sorted({*_OURS, *entry_points(group=ENTRY_POINTS).names})


def provider_class(type_name: str) -> type[Provider] | None:
    """The class of a type; `None` where nobody provides it. Ours cannot be replaced from outside."""
    if type_name in _OURS:
        module, _, name = _OURS[type_name].partition(":")
        found: type[Provider] = getattr(import_module(module), name)
        return found
    for entry_point in entry_points(group=ENTRY_POINTS, name=type_name):
        loaded: type[Provider] = entry_point.load()
        return loaded
    return None
