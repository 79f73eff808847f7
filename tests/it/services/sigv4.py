"""Signs requests as botocore does, Amazon's own library.

Reads a JSON array of requests on standard input: the request line and headers as they were sent, and the
body. Writes a JSON array: the signature that botocore makes for each of them, with the headers that
the request says are signed, at the time that it says, and `null` where the body is not the one whose
SHA-256 it names.
"""

import hashlib
import json
import re
import sys

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def signature(secret, message):
    head, body = message["head"], message["body"].encode()
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {}
    for line in lines:
        name, value = line.split(":", 1)
        headers[name.strip().lower()] = value.strip()
    scope = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), "
        r"Signature=[0-9a-f]{64}",
        headers["authorization"],
    )
    access_key, day, region, service, names = scope.groups()
    names = names.split(";")
    needed = {"host", "content-type", "x-amz-date"} | {n for n in headers if n.startswith("x-amz-")}
    if names != sorted(names) or not needed <= set(names) or not headers["x-amz-date"].startswith(day):
        return None
    if headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
        return None
    signed = {name: headers[name] for name in names if name != "host"}
    request = AWSRequest(method, f"http://{headers['host']}{path}", headers=signed, data=body)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials(access_key, secret), service, region)
    if ";".join(names) != signer.signed_headers(signer.headers_to_sign(request)):
        return None
    canonical = signer.canonical_request(request)
    return signer.signature(signer.string_to_sign(request, canonical), request)


given = json.load(sys.stdin)
json.dump([signature(given["secret"], message) for message in given["requests"]], sys.stdout)
