"""An app in the manner of the FastAPI tutorial: its users and its tokens are its own.

Run by the benchmark: python3 main.py PASSWORD COST
"""

import socket
import sys
import time

import bcrypt
import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm

KEY = "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"
LIFETIME = 1800  # seconds
password, cost = sys.argv[1].encode(), int(sys.argv[2])
users = {
    name: {"username": name, "email": name + "@example.com", "full_name": "Some Body", "hash": bcrypt.hashpw(password, bcrypt.gensalt(cost))}
    for name in ("ann", "ben", "cleo", "dan")
}
app = FastAPI()
bearer = OAuth2PasswordBearer(tokenUrl="token")


@app.post("/token")
def token(form: OAuth2PasswordRequestForm = Depends()):
    user = users.get(form.username)
    if user is None or not bcrypt.checkpw(form.password.encode(), user["hash"]):
        raise HTTPException(401, "Incorrect username or password", {"WWW-Authenticate": "Bearer"})
    claims = {"sub": user["username"], "exp": int(time.time()) + LIFETIME}
    return {"access_token": jwt.encode(claims, KEY, algorithm="HS256"), "token_type": "bearer"}


@app.get("/users/me")
async def me(sent: str = Depends(bearer)):
    try:
        user = users[jwt.decode(sent, KEY, algorithms=["HS256"])["sub"]]
    except (jwt.InvalidTokenError, KeyError):
        raise HTTPException(401, "Could not validate credentials", {"WWW-Authenticate": "Bearer"}) from None
    return {k: v for k, v in user.items() if k != "hash"}


listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
print("127.0.0.1:%d" % listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
