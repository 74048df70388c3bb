import json
import os
import sys

from oauthlib.oauth2 import BackendApplicationClient, InvalidGrantError, LegacyApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

# The server of this test has no certificate.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

given = json.loads(sys.argv[1])
url = given["url"]
user = {"username": given["username"], "password": given["password"]}

web = OAuth2Session(client=LegacyApplicationClient(client_id="web", scope=["profile"]))
login = web.fetch_token(url + "/token", include_client_id=True, **user)
fresh = web.refresh_token(url + "/token", client_id="web")
me = web.get(url + "/users/me").json()

# At /revoke the client is asked for, not a token, hence withhold_token.
logout = {"client_id": "web", "token": fresh["refresh_token"]}
web.post(url + "/revoke", data=logout, withhold_token=True).raise_for_status()
refused = web.get(url + "/users/me")

wrong = None
try:
    guess = OAuth2Session(client=LegacyApplicationClient(client_id="web"))
    guess.fetch_token(url + "/token", include_client_id=True, username=given["username"], password="a guess")
except InvalidGrantError as error:
    wrong = error

batch = OAuth2Session(client=BackendApplicationClient(client_id=given["machine"], scope=["jobs"]))
own = batch.fetch_token(url + "/token", auth=HTTPBasicAuth(given["machine"], given["secret"]))

print(json.dumps({
    "scope": " ".join(login["scope"]),
    "seconds": login["expires_in"],
    "refreshed": fresh["access_token"] != login["access_token"] and fresh["refresh_token"] != login["refresh_token"],
    "username": me["username"],
    "revoked": fresh["access_token"],
    "refused": refused.status_code,
    "error": wrong.error,
    "error_description": wrong.description,
    "machine": " ".join(own["scope"]),
}))
