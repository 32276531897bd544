"""Which user a vendor is told of: an opaque id, never a name. Decides nothing."""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from captcha_gate.providers.context import Context
from captcha_gate.scalars import Text

__all__ = ["RandomOrUser", "User"]


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


def _random_or_user(value: Any) -> Any:
    return None if value == "random" else value


#: `user: random`, which is `None` here, or `user: {cookie: sessionid}`.
RandomOrUser = Annotated[
    User | None,
    BeforeValidator(_random_or_user),
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
