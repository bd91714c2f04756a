"""A resource server that checks tokens by jwskate and proofs by requests_oauth2client.

It reads who issues the tokens and for whom from the first line of standard
input, prints its URL, and ends with its input.
"""

import base64
import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwskate
import requests
from requests_oauth2client import validate_dpop_proof

task = json.loads(sys.stdin.readline())
metadata = requests.get(task["issuer"] + "/.well-known/openid-configuration", timeout=10).json()
jwks = jwskate.JwkSet(requests.get(metadata["jwks_uri"], timeout=10).json())


def check(method, url, headers):
    """Return the client that a request is from."""
    scheme, _, text = headers["Authorization"].partition(" ")
    if scheme != "DPoP" or len(headers.get_all("DPoP")) != 1:
        raise ValueError("not exactly one token and one proof")
    token = jwskate.SignedJwt(text)
    token.validate(jwks, issuer=task["issuer"], audience=task["audience"], algs=["ES256"])
    ath = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    proof = validate_dpop_proof(headers["DPoP"], htm=method, htu=url.partition("?")[0], ath=ath, algs=["ES256"])
    if jwskate.Jwk(proof.headers["jwk"]).thumbprint() != token.claims["cnf"]["jkt"]:
        raise ValueError("the token is bound to another key")
    return token.claims["client_id"]


class Handler(BaseHTTPRequestHandler):
    """Answers with the name of the client."""

    def do_GET(self):
        url = f"http://{self.headers['Host']}{self.path}"
        try:
            status, body = 200, check("GET", url, self.headers)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it
            status, body = 401, repr(error)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_port}", flush=True)
sys.stdin.read()
