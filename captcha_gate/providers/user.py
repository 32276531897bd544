"""Which user a vendor is told of: an opaque id, never a name. Decides nothing."""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from captcha_gate.providers.context import Context
from captcha_gate.scalars import Text, problem

__all__ = ["RANDOM", "RandomUser", "User", "UserOrRandom"]


class User(BaseModel):
    """`user: {cookie: sessionid}`: the value of a cookie, as an HMAC under the account's key.

    The vendor can tell two users apart and knows neither, and nobody can make the id of somebody else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    cookie: Text

    def identify(self, context: Context, key: str) -> str | None:
        """The id for this request, 32 hexadecimal digits; `None` where the cookie is missing, empty or given twice."""
        value = context.cookie(self.cookie)
        if not value:
            return None
        return hmac.new(key.encode(), b"captcha_gate user " + value.encode(), hashlib.sha256).hexdigest()[:32]


class RandomUser(User):
    """`user: random`: another one for each challenge, so that the vendor hears of no person."""

    cookie: Text = "-"

    def identify(self, context: Context, key: str) -> str:
        """A new id, 32 hexadecimal digits."""
        return context.token_hex(16)


RANDOM: Final = RandomUser()


def _named(value: Any) -> Any:
    if value == "random":
        return RANDOM
    if isinstance(value, str):
        raise problem("no user is named so (write random, or {cookie: sessionid} for an HMAC of that cookie's value)")
    return value


#: `user: random`, which is `RANDOM` here, or `user: {cookie: sessionid}`.
UserOrRandom = Annotated[
    User,
    BeforeValidator(_named),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "random"},
                {
                    "type": "object",
                    "properties": {"cookie": {"type": "string", "minLength": 1}},
                    "required": ["cookie"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
