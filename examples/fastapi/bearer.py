"""Access tokens of an authorization server, accepted by a FastAPI app (RFC 9068, RFC 6750)."""

import json
import logging
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from urllib.request import urlopen

import jwt
from fastapi import HTTPException, Request
from fastapi.security import OAuth2PasswordBearer, SecurityScopes

log = logging.getLogger("uvicorn.error")


@dataclass(frozen=True)
class Token:
    """What a verified token says."""

    subject: str  # a user's id, or that of a client which acts for itself
    client: str
    scopes: frozenset


class Bearer(OAuth2PasswordBearer):
    """A dependency that lets a request pass with a good token for the audience.

    Security(bearer, scopes=[...]) demands scopes as well. Swagger UI logs in at
    the issuer.
    """

    def __init__(self, issuer, audience, scopes, algorithms=("ES256", "RS256", "EdDSA")):
        super().__init__(tokenUrl=issuer + "/token", scopes=scopes, auto_error=False)
        self.issuer, self.audience, self.algorithms = issuer, audience, list(algorithms)
        self.keys = Keys(issuer + "/.well-known/jwks.json")

    # Not async, unlike the base class: fetching keys may block.
    def __call__(self, request: Request, security: SecurityScopes) -> Token:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise refusal(401)  # without an error code, RFC 6750 section 3.1
        token = self.verify(text)
        if not token.scopes.issuperset(security.scopes):
            raise refusal(403, "insufficient_scope", scope=security.scope_str)
        return token

    def verify(self, text):
        try:
            key = self.keys.get_signing_key_from_jwt(text)
            claims = jwt.decode(
                text, key.key, self.algorithms, issuer=self.issuer, audience=self.audience,
                options={"require": ["iss", "aud", "exp", "iat", "sub", "client_id", "jti"]},
            )
            typ = str(jwt.get_unverified_header(text).get("typ"))  # verified above
            if typ.lower() not in ("at+jwt", "application/at+jwt"):
                raise jwt.InvalidTokenError("another kind of token with a good signature")
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            # PyJWT raises the latter ones where a header does not fit its key.
            log.info("token refused: %r", error)
            raise refusal(401, "invalid_token") from None
        return Token(claims["sub"], claims["client_id"], frozenset(claims.get("scope", "").split()))


class Keys(jwt.PyJWKClient):
    """The issuer's keys, fetched every five minutes and when a token names another.

    The latter happens every ten seconds at most, so that made-up names put no load
    on the issuer. If it can't be reached, the keys at hand stay in use.
    """

    def __init__(self, uri):
        super().__init__(uri, cache_jwk_set=False)
        self.lock, self.known, self.asked = Lock(), None, 0.0

    def get_jwk_set(self, refresh=False):
        with self.lock:
            age = monotonic() - self.asked
            if self.known is None or age > 300 or refresh and age > 10:
                self.asked = monotonic()
                try:
                    self.known = jwt.PyJWKSet.from_dict(self.fetch_data())
                except (OSError, ValueError, jwt.PyJWTError):
                    if self.known is None:
                        raise HTTPException(503, "no keys to check tokens with", {"Retry-After": "5"}) from None
            return self.known

    def fetch_data(self):
        with urlopen(self.uri, timeout=5) as answer:
            return json.load(answer)


def refusal(status, error="", **more):
    """An answer of RFC 6750, section 3."""
    if error:
        more = {"error": error, **more}
    challenge = "Bearer " + ", ".join(f'{name}="{value}"' for name, value in {"realm": "api", **more}.items())
    return HTTPException(status, error or "missing_token", {"WWW-Authenticate": challenge})
