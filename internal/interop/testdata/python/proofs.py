"""Makes proofs for the task on standard input by requests_oauth2client; see package interop."""

import json
import sys

import requests
from requests_oauth2client import DPoPKey, DPoPToken

task = json.load(sys.stdin)
proofs = []
for alg in ["ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA"]:
    key = DPoPKey.generate(alg=alg, rs_nonce=task["nonce"])
    token = DPoPToken(access_token=task["token"], _dpop_key=key)
    for url in task["urls"]:
        request = token(requests.Request(task["method"], url).prepare())
        proofs.append({"maker": "requests_oauth2client", "alg": alg, "jkt": key.dpop_jkt, "url": url, "proof": request.headers["DPoP"]})
json.dump({"proofs": proofs}, sys.stdout)
