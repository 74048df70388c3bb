"""A FastAPI app whose users log in at usher."""

import os

from fastapi import Depends, FastAPI, Security

from bearer import Bearer, Token

issuer = os.environ.get("ISSUER", "http://127.0.0.1:8000")
bearer = Bearer(
    issuer=issuer,
    audience=os.environ.get("AUDIENCE", issuer),
    scopes={"profile": "who you are", "orders": "what you ordered"},
)
app = FastAPI()


@app.get("/me")
def me(token: Token = Depends(bearer)):
    return {"subject": token.subject, "client": token.client, "scopes": sorted(token.scopes)}


@app.get("/orders")
def orders(token: Token = Security(bearer, scopes=["orders"])):
    return {"orders": [], "of": token.subject}
