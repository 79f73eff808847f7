#!/usr/bin/env python3
"""A proxy for tests: it takes the TLS off requests to any host, and passes them on to a server here.

    scripts/tls_proxy.py PORT DIRECTORY

So a program that asks https://login.example through HTTPS_PROXY=http://127.0.0.1:PORT talks to a server
on loopback, and believes it because SSL_CERT_FILE=DIRECTORY/ca.pem names the authority that is made at
start. What stands where is told over plain HTTP to the same port:

    POST /route?host=HOST&to=127.0.0.1:PORT[&certificate=sound|expired|other|unsigned]
    GET  /seen?host=HOST    a JSON list: each connection to it, and the first line of each request

A host without a route gets 502, and the connection is noted all the same.
"""

import datetime
import json
import pathlib
import socket
import ssl
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
LOCK = threading.Lock()
ROUTES = {}
SEEN = {}


class Authority:
    """Makes certificates for hosts."""

    def __init__(self, directory):
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests of mvx")])
        certificate = self.builder(self.name, self.name, self.key.public_key(), 30)
        certificate = certificate.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        certificate = certificate.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False
        )
        signed = certificate.sign(self.key, hashes.SHA256())
        (directory / "ca.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        self.contexts = {}

    def builder(self, subject, issuer, public_key, days):
        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 60 * DAY)
            .not_valid_after(now + days * DAY)
        )

    def context(self, host, fault):
        with LOCK:
            if (host, fault) not in self.contexts:
                self.contexts[host, fault] = self.make(host, fault)
            return self.contexts[host, fault]

    def make(self, host, fault):
        key = ec.generate_private_key(ec.SECP256R1())
        shown = "another.example" if fault == "other" else host
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, shown)])
        issuer, signer = (subject, key) if fault == "unsigned" else (self.name, self.key)
        certificate = self.builder(subject, issuer, key.public_key(), -30 if fault == "expired" else 30)
        certificate = certificate.add_extension(x509.SubjectAlternativeName([x509.DNSName(shown)]), critical=False)
        certificate = certificate.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        signed = certificate.sign(signer, hashes.SHA256())
        path = self.directory / f"{host}-{fault}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + signed.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def note(host, line):
    with LOCK:
        SEEN.setdefault(host, []).append(line)


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def asked(self):
        url = urllib.parse.urlsplit(self.path)
        return url.path, dict(urllib.parse.parse_qsl(url.query))

    def do_GET(self):
        path, query = self.asked()
        with LOCK:
            seen = list(SEEN.get(query.get("host"), []))
        self.reply(*(200, json.dumps(seen).encode()) if path == "/seen" else (404,))

    def do_POST(self):
        path, query = self.asked()
        if path != "/route":
            return self.reply(404)
        with LOCK:
            ROUTES[query["host"]] = (query["to"], query.get("certificate", "sound"))
        self.reply(200)

    def do_CONNECT(self):
        host = self.path.rsplit(":", 1)[0]
        note(host, "CONNECT")
        self.close_connection = True
        with LOCK:
            route = ROUTES.get(host)
        if route is None:
            return self.reply(502)
        to, fault = route
        self.send_response(200)
        self.end_headers()
        try:
            tls = AUTHORITY.context(host, fault).wrap_socket(self.connection, server_side=True)
        except (ssl.SSLError, OSError):
            return
        with tls, socket.create_connection(to.rsplit(":", 1)) as server:
            pass_on(host, tls, server)


def pass_on(host, client, server):
    """Bytes both ways, until either side ends; the first line of each request is noted."""

    def answers():
        try:
            while piece := server.recv(1 << 16):
                client.sendall(piece)
        except OSError:
            pass
        for end in (client, server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    thread = threading.Thread(target=answers, daemon=True)
    thread.start()
    try:
        while piece := client.recv(1 << 16):
            line = piece.split(b"\r\n", 1)[0]
            if line.endswith(b" HTTP/1.1"):
                note(host, line.decode("latin-1"))
            server.sendall(piece)
    except OSError:
        pass
    try:
        server.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    thread.join(30)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    AUTHORITY = Authority(pathlib.Path(sys.argv[2]))
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Proxy)
    server.daemon_threads = True
    server.serve_forever()
