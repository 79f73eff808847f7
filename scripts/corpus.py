"""Gathers real YAML files from published packages into .peers/corpus/.

Run it through scripts/corpus.sh. What comes out:

    .peers/corpus/packages/     the archives as the package clients fetched them
    .peers/corpus/files/        the chosen files, byte for byte
    .peers/corpus/reference/    for each: what real sops makes of it, sealed and opened again
    .peers/corpus/manifest.json origin, kind and features of each

A file is chosen if its name ends in .yaml or .yml, it has 1 byte to 200 KB, its bytes came up in
no other file before it, and real sops encrypts it (so no lists at the root, no templates that are
not YAML). Within a package the order is that of a hash of the path: even, and the same each time.
"""

import collections
import concurrent.futures
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / ".peers"
CORPUS = PEERS / "corpus"
FETCHED = CORPUS / "packages"
LIST = ROOT / "scripts" / "corpus.txt"

LARGEST = 200_000  # bytes
MOST = 1500  # files
FEWEST = 300  # files
FETCHERS = 2  # package clients at once
SOPS_AT_ONCE = 2
# Source packages say which files they hold only after a step of their build backend. With these
# at hand pip does not fetch a new set for each of them.
BACKENDS = [
    "flit-core==4.2.0",
    "hatch-fancy-pypi-readme==25.1.0",
    "hatch-requirements-txt==0.4.1",
    "hatch-vcs==0.5.0",
    "hatchling==1.33.0",
    "pbr==7.1.3",
    "pdm-backend==2.5.0",
    "poetry-core==2.5.0",
    "poetry-dynamic-versioning==1.10.1",
    "setuptools==84.2.1",
    "setuptools-scm==10.3.4",
    "versioningit==3.3.0",
    "wheel==0.48.0",
]

Package = collections.namedtuple("Package", "client name version cap")


def main():
    started = time.monotonic()
    packages = read_list()
    key = cache_key()
    manifest_path = CORPUS / "manifest.json"
    if manifest_path.exists() and json.loads(manifest_path.read_text()).get("key") == key:
        report(json.loads(manifest_path.read_text()))
        print("corpus: nothing to do")
        return

    CORPUS.mkdir(parents=True, exist_ok=True)
    failed = fetch_all(packages)
    print(f"corpus: fetched after {time.monotonic() - started:.0f} s", flush=True)
    entries = choose(packages)
    manifest = {"key": "" if failed else key, "files": entries}
    manifest_path.write_text(json.dumps(manifest, indent=1) + "\n")
    report(manifest)
    print(f"corpus: gathered in {time.monotonic() - started:.0f} s")
    for package in failed:
        print(f"corpus: warning: not fetched: {package.client} {package.name} {package.version}")
    if len(entries) < FEWEST:
        sys.exit(f"corpus: error: {len(entries)} files; at least {FEWEST} are wanted")


def read_list():
    packages = []
    for line in LIST.read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            client, name, version, cap = words
            packages.append(Package(client, name, version, int(cap)))
    return packages


def cache_key():
    """Changes with everything that decides which files are chosen."""
    digest = hashlib.sha256()
    for path in (LIST, pathlib.Path(__file__), ROOT / "Cargo.lock"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


# Fetching


def fetch_all(packages):
    """Fetches what is not there yet; returns the packages that could not be had.

    Many names go to one run of a client, for starting one costs more than most downloads. Where
    such a run fails, each of its packages gets a run of its own.
    """
    FETCHED.mkdir(exist_ok=True)
    missing = [p for p in packages if p.client != "cargo" and archive_of(p) is None]
    if any(p.client == "sdist" for p in missing):
        prepare_backends()
    lots = []
    for client, size in (("wheel", 20), ("npm", 40), ("apt", 40), ("sdist", 12)):
        lots += batches([p for p in missing if p.client == client], size)
    with concurrent.futures.ThreadPoolExecutor(FETCHERS) as pool:
        list(pool.map(fetch, lots))
        list(pool.map(fetch, [[p] for p in missing if archive_of(p) is None]))
    return [package for package in missing if archive_of(package) is None]


def archive_of(package):
    """The package's archive under the name that its client gives it, or None."""
    if package.client in ("wheel", "sdist"):
        name = re.sub(r"[-_.]+", "?", package.name)
        end = ".whl" if package.client == "wheel" else ".tar.gz"
        pattern = f"{name}-{package.version}*{end}"
    elif package.client == "npm":
        pattern = f"{package.name.lstrip('@').replace('/', '-')}-{package.version}.tgz"
    else:
        pattern = f"{package.name}_*.deb"
    return next(iter(sorted(FETCHED.glob(pattern))), None)


def fetch(packages):
    """Lets the packages' own client download them."""
    client = packages[0].client
    pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    exact = [f"{p.name}=={p.version}" for p in packages]
    command = {
        "wheel": [sys.executable, *pip, "--only-binary=:all:", "--python-version=3.13", *exact],
        "sdist": [
            str(PEERS / "backends" / "bin" / "python"),
            *pip,
            "--no-binary=:all:",
            "--no-build-isolation",
            *exact,
        ],
        "npm": ["npm", "pack", "--silent", *(f"{p.name}@{p.version}" for p in packages)],
        "apt": ["apt-get", "download", "-qq", *(p.name for p in packages)],
    }[client]
    # a run that is cut short leaves nothing that looks whole
    with tempfile.TemporaryDirectory(dir=CORPUS) as folder:
        try:
            subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=240
            )
        except (OSError, subprocess.TimeoutExpired):
            return
        for archive in pathlib.Path(folder).iterdir():
            archive.rename(FETCHED / archive.name)


def prepare_backends():
    python = PEERS / "backends" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS / "backends")], check=True)
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([str(python), "-m", "pip", "install", *quiet, *BACKENDS], check=True)


# Choosing


def choose(packages):
    files, reference = CORPUS / "files", CORPUS / "reference"
    for folder in (files, reference):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    sops = Sops()
    seen, entries = set(), []
    for package in packages:
        candidates = sorted(
            (hashlib.sha256(path.encode()).digest(), path, content)
            for path, content in members(package)
            if plausible(content)
        )
        taken = 0
        for batch in batches(candidates, 2 * SOPS_AT_ONCE):
            fresh = []
            for _, path, content in batch:
                digest = hashlib.sha256(content).hexdigest()
                if digest not in seen:
                    seen.add(digest)
                    fresh.append((digest, path, content))
            for (digest, path, content), made in zip(fresh, sops.reference(fresh)):
                if made is None or taken == package.cap or len(entries) == MOST:
                    continue
                taken += 1
                name = f"{len(entries):04d}"
                (files / f"{name}.yaml").write_bytes(content)
                sealed, opened = made
                (reference / f"{name}.enc.yaml").write_bytes(sealed)
                if opened is not None:
                    (reference / f"{name}.yaml").write_bytes(opened)
                entries.append(
                    {
                        "file": f"{name}.yaml",
                        "package": f"{package.client}:{origin(package, path)}",
                        "path": path,
                        "sha256": digest,
                        "kind": kind(path, content),
                        "features": features(content),
                        "opened_by_sops": opened is not None,
                        "exact_by_sops": opened == content,
                    }
                )
            if taken == package.cap or len(entries) == MOST:
                break
    return entries


def batches(items, size):
    return (items[at : at + size] for at in range(0, len(items), size))


def origin(package, path):
    return path.split("/")[0] if package.client == "cargo" else package.name


def members(package):
    """The YAML files of a package as (path, content)."""
    if package.client == "cargo":
        yield from cargo_members()
        return
    archive = archive_of(package)
    if archive is None:
        return
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if wanted(info.filename, info.file_size):
                    yield info.filename, opened.read(info)
        return
    stream, mode = archive, "r:*"
    if archive.suffix == ".deb":
        tar = subprocess.run(
            ["dpkg-deb", "--fsys-tarfile", str(archive)], capture_output=True, check=True
        ).stdout
        stream, mode = io.BytesIO(tar), "r:"
    source = {"fileobj": stream} if isinstance(stream, io.BytesIO) else {"name": stream}
    with tarfile.open(mode=mode, **source) as opened:
        for member in opened:
            if member.isfile() and wanted(member.name, member.size):
                yield member.name, opened.extractfile(member).read()


def cargo_members():
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version=1", "--locked"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    for crate in json.loads(metadata)["packages"]:
        if crate["source"] is None:
            continue
        folder = pathlib.Path(crate["manifest_path"]).parent
        for path in folder.rglob("*.y*ml"):
            if path.is_file() and wanted(path.name, path.stat().st_size):
                yield f"{crate['name']}/{path.relative_to(folder)}", path.read_bytes()


def wanted(name, size):
    return name.endswith((".yaml", ".yml")) and 1 <= size <= LARGEST


def plausible(content):
    """Drops at no cost what sops would refuse anyway: lists at the root, text that is not UTF-8,
    templates that are not YAML."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    for line in text.splitlines():
        bare = line.strip()
        if bare and bare[0] not in "#%" and bare != "---":
            if bare.startswith(("- ", "[", "{%", "{{", "<")) or bare == "-":
                return False
            break
    else:
        return False
    return not (re.search(r"\{[{%]", text) and not is_yaml(content))


def is_yaml(content):
    try:
        return all(True for _ in yaml.parse(content, Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, ValueError):
        return False


class Sops:
    """Real sops with a throw-away key."""

    def __init__(self):
        key = CORPUS / "key.txt"
        if not key.exists():
            subprocess.run(
                [str(PEERS / "bin" / "age-keygen"), "-o", str(key)], check=True, capture_output=True
            )
        self.recipient = re.search(r"age1[0-9a-z]+", key.read_text()).group()
        self.environment = {**os.environ, "SOPS_AGE_KEY_FILE": str(key)}
        self.pool = concurrent.futures.ThreadPoolExecutor(SOPS_AT_ONCE)
        self.folder = tempfile.TemporaryDirectory()

    def reference(self, fresh):
        return list(self.pool.map(self.one, fresh))

    def one(self, candidate):
        """Sealed and opened text, the latter None where sops cannot open its own; None if refused."""
        digest, _, content = candidate
        plain = pathlib.Path(self.folder.name) / f"{digest}.yaml"
        sealed = pathlib.Path(self.folder.name) / f"{digest}.enc.yaml"
        plain.write_bytes(content)
        encrypted = self.run("encrypt", "--age", self.recipient, str(plain))
        plain.unlink()
        if encrypted is None:
            return None
        sealed.write_bytes(encrypted)
        opened = self.run("decrypt", str(sealed))
        sealed.unlink()
        return encrypted, opened

    def run(self, *arguments):
        done = subprocess.run(
            [str(PEERS / "bin" / "sops"), *arguments],
            cwd=self.folder.name,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
        )
        return done.stdout if done.returncode == 0 else None


# What a file is


def kind(path, content):
    """A coarse name of what the file is for, from its path first, then from its top-level keys."""
    low = "/" + path.lower()
    name = low.rsplit("/", 1)[1]
    keys = set(re.findall(rb"(?m)^([A-Za-z_][\w$-]*):", content))
    if "/.github/workflows/" in low or "/workflows/" in low and {b"jobs", b"on"} & keys:
        return "GitHub workflow"
    if "/.github/" in low or name.startswith("dependabot"):
        return "GitHub settings"
    if re.match(r"(docker-)?compose", name):
        return "Compose file"
    if name.startswith(("chart.", "values.", "values-")) or "/charts/" in low:
        return "Helm chart"
    if {b"openapi", b"swagger", b"asyncapi"} & keys:
        return "OpenAPI, AsyncAPI"
    if {b"AWSTemplateFormatVersion", b"heat_template_version", b"Resources"} & keys:
        return "CloudFormation, Heat"
    if {b"apiVersion", b"kind"} <= keys:
        return "Kubernetes manifest"
    if name.startswith(".") or name.startswith(("appveyor", "azure-pipelines", "codecov")):
        return "CI, lint, pre-commit"
    if "/locales/" in low or "/translations/" in low:
        return "translations"
    if b"dependencies" in keys and name.startswith("environment"):
        return "conda environment"
    if b"cwlVersion" in keys or "snakemake" in low:
        return "workflow language"
    if "changelog" in name or "/releasenotes/" in low or "/changelogs/" in low:
        return "changelog"
    if re.search(r"ansible|molecule|/(tasks|vars|group_vars|host_vars|meta|defaults)/", low):
        return "Ansible"
    return "other"


def features(content):
    """What makes a YAML file hard. Comments are counted by a look at the lines, the rest by events."""
    found = set()
    if b"\r\n" in content:
        found.add("CRLF")
    if content.startswith(b"\xef\xbb\xbf"):
        found.add("byte-order mark")
    if not content.endswith(b"\n"):
        found.add("no final newline")
    if any(byte > 127 for byte in content):
        found.add("beyond ASCII")
    if re.search(rb"(?m)(^|\s)#", content):
        found.add("comments")
    if re.search(rb"\n[ \t]*\r?\n", content):
        found.add("blank lines")
    documents = 0
    try:
        for event in yaml.parse(content, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
            if getattr(event, "anchor", None):
                found.add("aliases" if isinstance(event, yaml.AliasEvent) else "anchors")
            if getattr(event, "flow_style", None):
                found.add("flow style")
            if getattr(event, "tag", None):
                found.add("tags")
            if isinstance(event, yaml.ScalarEvent):
                if event.value == "<<" and event.style is None:
                    found.add("merge keys")
                style = {"|": "literal blocks", ">": "folded blocks"}.get(event.style)
                found.add(style or {"'": "quotes", '"': "quotes"}.get(event.style, "plain"))
    except (yaml.YAMLError, ValueError):
        found.add("read by go-yaml only")
    if documents > 1:
        found.add("several documents")
    found.discard("plain")
    return sorted(found)


# Telling


def report(manifest):
    entries = manifest["files"]
    table("kind", collections.Counter(e["kind"] for e in entries))
    table("feature", collections.Counter(f for e in entries for f in e["features"]))
    origins = len({entry["package"] for entry in entries})
    size = sum((CORPUS / "files" / entry["file"]).stat().st_size for entry in entries)
    exact = sum(entry["exact_by_sops"] for entry in entries)
    print(f"corpus: {len(entries)} files of {origins} packages, {size / 1e6:.1f} MB")
    print(f"corpus: real sops brings {exact} of them back byte for byte")
    broken = [entry for entry in entries if not entry["opened_by_sops"]]
    print(f"corpus: real sops cannot open its own file in {len(broken)} cases")


def table(title, counts):
    print(f"{title:26} files")
    for name, count in counts.most_common():
        print(f"  {name:24} {count:5}")


if __name__ == "__main__":
    main()
