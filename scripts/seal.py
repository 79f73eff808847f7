#!/usr/bin/env python3
"""The seal of a dotenv file, computed from docs/seal.md alone: a second implementation to test the first.

    scripts/seal.py FILE DATA-KEY-IN-HEX [NAME=VALUE | '#COMMENT']...

The entries are the file's own in clear and in order. Prints nothing, and ends with 1 if the seal in the file is another one.
Values that the selector leaves in clear are not supported; the default selector is.
"""

import base64
import hashlib
import hmac
import re
import sys


def hkdf(key, info, length):
    """RFC 5869 with SHA-256 and no salt."""
    extracted = hmac.new(bytes(32), key, hashlib.sha256).digest()
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(extracted, block + info + bytes([counter]), hashlib.sha256).digest()
        out, counter = out + block, counter + 1
    return out[:length]


def number(value):
    return value.to_bytes(8, "big")


def text(value):
    return number(len(value)) + value


def unflatten(lines):
    """`age__list_0__map_enc=…` and the like, to maps and lists (lists as maps with numbers)."""
    root = {}
    for name, value in lines:
        steps = re.split(r"__(map|list)_", name)
        path = [steps[0]]
        for kind, step in zip(steps[1::2], steps[2::2]):
            path.append(int(step) if kind == "list" else step)
        at = root
        for step in path[:-1]:
            at = at.setdefault(step, {})
        at[path[-1]] = value.replace("\\n", "\n")
    return root


def meta(value):
    if isinstance(value, str):
        return text(value.encode())
    if all(isinstance(key, int) for key in value):
        return b"[" + b"".join(b"-" + meta(value[key]) for key in sorted(value)) + b"]"
    fields = sorted((key.encode(), field) for key, field in value.items() if field)
    return b"{" + b"".join(b"k" + text(key) + meta(field) for key, field in fields) + b"}"


def main():
    path, key, *entries = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("=", 1) for line in file]
    fields = unflatten((line[0][5:], line[1]) for line in lines if line[0].startswith("sops_"))
    written = fields.pop("mvx_seal")
    message = text(b"mvx seal v1") + number(1)
    for entry in entries:
        if entry.startswith("#"):
            message += b"#e" + text(entry[1:].encode())
        else:
            name, value = entry.split("=", 1)
            message += b"=" + number(1) + b"." + text(name.encode()) + b"e" + text(b"str") + text(value.encode())
    message += b"S" + meta(fields)
    seal = hmac.new(hkdf(bytes.fromhex(key), b"mvx seal v1", 64), message, hashlib.sha256).digest()
    return 0 if "v1:" + base64.b64encode(seal).decode() == written else 1


if __name__ == "__main__":
    sys.exit(main())
