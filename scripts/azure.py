#!/usr/bin/env python3
"""A stand-in for Azure: a login and Key Vault, as far as wrapping a key goes.

    scripts/azure.py PORT

There is no emulator of Key Vault, so this one is our own, after the REST API reference: what it cannot
show is whether Azure does something else. The cryptography is real: RSA-OAEP with SHA-256. Plain HTTP;
scripts/tls_proxy.py puts TLS before it. Hosts are told apart by their names: `login.…` makes tokens, any
other is a vault.

The application `mvx-test` logs in with the secret `invented`, or with the federated token `federated`.
Each vault has the keys `sops` (two versions) and `other`, and for errors `denied`, `disabled`,
`not-permitted` and `expired`.
"""

import base64
import json
import secrets
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

TENANT = "8f0ce0f1-0000-4000-8000-000000000001"
LOCK = threading.Lock()
# what `az` gives, where a test has one
TOKENS = {"token-of-az": "https://vault.azure.net/.default"}
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def make(count):
    return {secrets.token_hex(16): rsa.generate_private_key(65537, 2048) for _ in range(count)}


KEYS = {"sops": make(2), "other": make(1)}
for name in ("denied", "disabled", "not-permitted", "expired"):
    KEYS[name] = KEYS["other"]


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    if "=" in text:
        raise ValueError("padding")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def fault(code, inner=None, message="It cannot be done."):
    error = {"code": code, "message": message}
    if inner:
        error["innererror"] = {"code": inner}
    return {"error": error}


class Azure(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body, headers=()):
        body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        self.answer(self.body())

    def answer(self, body):
        host = self.headers.get("Host", "").split(":")[0].lower()
        url = urllib.parse.urlsplit(self.path)
        parts = url.path.strip("/").split("/")
        if host.startswith("login."):
            return self.login(host, parts, body)
        version = dict(urllib.parse.parse_qsl(url.query)).get("api-version")
        if version not in ("7.4", "7.5", "7.6"):
            return self.reply(400, fault("BadParameter", message="unknown api-version"))
        domain = host.partition(".")[2]
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        with LOCK:
            scope = TOKENS.get(token)
        if scope != f"https://{domain}/.default":
            authority = f"https://login.microsoftonline.com/{TENANT}"
            challenge = f'Bearer authorization="{authority}", resource="https://{domain}"'
            return self.reply(401, fault("Unauthorized"), [("WWW-Authenticate", challenge)])
        self.vault(host, parts, body)

    def login(self, host, parts, body):
        if parts[-1] == "openid-configuration":
            base = f"https://{host}/{TENANT}"
            return self.reply(200, {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
            })
        if parts[:2] == ["common", "discovery"]:
            document = f"https://{host}/{TENANT}/v2.0/.well-known/openid-configuration"
            aliases = {"preferred_network": host, "preferred_cache": host, "aliases": [host]}
            return self.reply(200, {"tenant_discovery_endpoint": document, "metadata": [aliases]})
        if parts[1:] != ["oauth2", "v2.0", "token"]:
            return self.reply(404, {"error": "invalid_request"})
        sent = dict(urllib.parse.parse_qsl(body.decode()))

        def refuse(code, words):
            description = f"{code}: {words} Trace ID: 1-2-3\r\nTimestamp: 2026-11-23 01:00:00Z"
            self.reply(401, {"error": "invalid_client", "error_description": description})

        if parts[0] != TENANT:
            return refuse("AADSTS90002", f"Tenant '{parts[0]}' not found.")
        if sent.get("client_id") != "mvx-test":
            return refuse("AADSTS700016", "Application was not found in the directory.")
        if sent.get("grant_type") != "client_credentials" or (
            sent.get("client_secret") != "invented" and sent.get("client_assertion") != "federated"
        ):
            return refuse("AADSTS7000215", "Invalid client secret provided.")
        token = secrets.token_urlsafe(24)
        scopes = sent.get("scope", "").split()
        with LOCK:
            TOKENS[token] = next((scope for scope in scopes if scope.endswith("/.default")), None)
        self.reply(200, {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token})

    def vault(self, host, parts, body):
        name = parts[1] if len(parts) > 1 and parts[0] == "keys" else None
        versions = KEYS.get(name)
        if versions is None:
            return self.reply(404, fault("KeyNotFound", message=f"A key with (name/id) {name} was not found."))
        if name == "denied":
            return self.reply(403, fault("Forbidden", "ForbiddenByRbac"))
        operation = parts[-1] if self.command == "POST" else None
        rest = parts[2:-1] if operation else parts[2:]
        version = rest[0] if rest and rest[0] else list(versions)[-1]
        key = versions.get(version)
        if key is None:
            return self.reply(404, fault("KeyNotFound"))
        kid = f"https://{host}/keys/{name}/{version}"
        if operation is None:
            return self.reply(200, {
                "key": {"kid": kid, "kty": "RSA", "key_ops": ["encrypt", "decrypt"]},
                "attributes": {"enabled": name != "disabled"},
            })
        inner = {"disabled": "KeyDisabled", "expired": "KeyExpired", "not-permitted": "KeyOperationForbidden"}
        if name in inner and (name != "expired" or operation == "encrypt"):
            return self.reply(403, fault("Forbidden", inner[name]))
        try:
            sent = json.loads(body)
            if sent["alg"] != "RSA-OAEP-256":
                raise ValueError("alg")
            value = decode(sent["value"])
            if operation == "encrypt":
                result = key.public_key().encrypt(value, OAEP)
            else:
                result = key.decrypt(value, OAEP)
        except (KeyError, ValueError):
            return self.reply(400, fault("BadParameter", message="Value is invalid."))
        self.reply(200, {"kid": kid, "value": encode(result)})


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Azure)
    server.daemon_threads = True
    server.serve_forever()
