"""A client of the task on standard input by requests_oauth2client; see package interop."""

import json
import sys

import requests
from requests_oauth2client import OAuth2Client, PrivateKeyJwt

task = json.load(sys.stdin)
client = OAuth2Client.from_discovery_endpoint(
    issuer=task["issuer"],
    auth=PrivateKeyJwt(task["client_id"], task["key"], alg="ES256", aud=task.get("audience", task["issuer"])),
    dpop_bound_access_tokens=True,
    testing=True,  # the servers are on loopback, without TLS
)
token = client.client_credentials(scope=task["scope"])
answers = []
for call in task["calls"]:
    answer = requests.request(
        call["method"],
        call["url"],
        data=call.get("body"),
        headers={"Content-Type": "application/json"},
        auth=token,
        timeout=10,
    )
    answers.append({"status": answer.status_code, "body": answer.text})
shown = {"access_token": token.access_token, "token_type": token.token_type, "scope": token.scope}
json.dump({"token": shown, "answers": answers}, sys.stdout)
