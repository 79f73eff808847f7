//! `mvx env render`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::repo::{Repo, rules};

const PROFILES: &str = r#"
[env.local]
files = ["secrets/dev/*.enc.*"]
default = true
output = ".env.local"

[env.python]
extends = "local"
dialect = "python"

[env.k8s]
extends = "local"
format = "k8s"
"#;

const SECRETS: &str =
    "db:\n  password: \"it's $HOME #1\"\n  port: 5432\ntls: |\n  line one\n  line two\n";

fn repo() -> Repo {
    let repo = Repo::new();
    repo.write(".sops-rules.toml", format!("{}{PROFILES}", rules()));
    let ignored = repo.read(".gitignore");
    repo.write(".gitignore", format!("{ignored}/out/\n"));
    fs::create_dir(repo.sandbox.path("out")).unwrap();
    repo.seal("secrets/dev/app.yaml", SECRETS);
    repo
}

#[test]
fn formats_to_standard_output() {
    insta::assert_snapshot!(repo().session(r"
        mvx env render --dialect compose
        mvx env render --format json
        mvx env render --format yaml
        mvx env render --format shell
        mvx env render --format tfvars
        mvx env render --format systemd
        mvx env render k8s --name api --namespace team
        mvx env render k8s --base64
    "), @r##"
    $ mvx env render --dialect compose
    # made by mvx: env render local; your changes are lost when it is made again
    # for compose: `--dialect` says so
    DB_PASSWORD="it's \$HOME #1"
    DB_PORT=5432
    TLS="line one\nline two\n"
    $ mvx env render --format json
    {
      "DB_PASSWORD": "it's $HOME #1",
      "DB_PORT": "5432",
      "TLS": "line one\nline two\n"
    }
    $ mvx env render --format yaml
    # made by mvx: env render local; your changes are lost when it is made again
    DB_PASSWORD: "it's $HOME #1"
    DB_PORT: "5432"
    TLS: "line one\nline two\n"
    $ mvx env render --format shell
    # made by mvx: env render local; your changes are lost when it is made again
    export DB_PASSWORD='it'\''s $HOME #1'
    export DB_PORT=5432
    export TLS='line one
    line two
    '
    $ mvx env render --format tfvars
    # made by mvx: env render local; your changes are lost when it is made again
    DB_PASSWORD = "it's $HOME #1"
    DB_PORT = "5432"
    TLS = "line one\nline two\n"
    $ mvx env render --format systemd
    # made by mvx: env render local; your changes are lost when it is made again
    DB_PASSWORD="it's \$HOME #1"
    DB_PORT=5432
    TLS="line one
    line two
    "
    $ mvx env render k8s --name api --namespace team
    # made by mvx: env render k8s; your changes are lost when it is made again
    apiVersion: v1
    kind: Secret
    metadata:
      name: "api"
      namespace: "team"
    type: Opaque
    stringData:
      DB_PASSWORD: "it's $HOME #1"
      DB_PORT: "5432"
      TLS: "line one\nline two\n"
    $ mvx env render k8s --base64
    # made by mvx: env render k8s; your changes are lost when it is made again
    apiVersion: v1
    kind: Secret
    metadata:
      name: "k8s"
    type: Opaque
    data:
      DB_PASSWORD: "aXQncyAkSE9NRSAjMQ=="
      DB_PORT: "NTQzMg=="
      TLS: "bGluZSBvbmUKbGluZSB0d28K"
    "##);
}

#[test]
fn what_is_evaluated_is_the_value() {
    let repo = repo();
    let outcome = repo.shell(
        "eval \"$(mvx env render --format shell)\"; printf '%s|%s|%s' \"$DB_PASSWORD\" \"$DB_PORT\" \"$TLS\"",
    );
    assert_eq!(outcome.stdout(), "it's $HOME #1|5432|line one\nline two\n");
}

#[test]
fn what_is_refused_names_the_key_and_a_way() {
    insta::assert_snapshot!(repo().session(r"
        mvx env render --format docker
        mvx env render --dialect portable
        mvx env render --format gitlab
        mvx env render --format azure
        mvx env render --format github
        mvx env render --format json --dialect node
        mvx env render --format json --name api
        mvx env render k8s --name Api_1
    "), @r##"
    $ mvx env render --format docker
    mvx: error: `TLS` cannot be written as docker: it has several lines, and a line is all that this format has for a value
    mvx: hint: these carry it: `--dialect` node, expand, shell, compose, python, rust, portable; `--format` json, yaml, shell, k8s, systemd, tfvars
    mvx: hint: `mvx run -- CMD` hands it over without any file
    [4]
    $ mvx env render --dialect portable
    mvx: error: `DB_PASSWORD` cannot be written as dotenv for portable: programs read it differently however it is written; a named dialect can carry it
    mvx: hint: these carry it: `--dialect` expand, shell, compose, python, docker, rust; `--format` json, yaml, shell, k8s, docker, systemd, tfvars
    mvx: hint: `mvx run -- CMD` hands it over without any file
    [4]
    $ mvx env render --format gitlab
    mvx: error: `DB_PASSWORD` cannot be written as gitlab: it holds `$` or several `%`, and GitLab puts other variables in their place
    mvx: hint: these carry it: `--dialect` expand, shell, compose, python, docker, rust; `--format` json, yaml, shell, k8s, docker, systemd, tfvars
    mvx: hint: `mvx run -- CMD` hands it over without any file
    [4]
    $ mvx env render --format azure
    mvx: error: `TLS` cannot be written as azure: it has several lines, and the agent refuses secrets of several lines
    mvx: hint: these carry it: `--dialect` node, expand, shell, compose, python, rust, portable; `--format` json, yaml, shell, k8s, systemd, tfvars
    mvx: hint: `mvx run -- CMD` hands it over without any file
    [4]
    $ mvx env render --format github
    mvx: error: this is no job of GitHub Actions: GITHUB_ACTIONS is not `true`, or GITHUB_ENV names no file
    mvx: hint: `mvx env render --format shell` and `mvx run -- CMD` work everywhere
    [2]
    $ mvx env render --format json --dialect node
    mvx: error: `--dialect` is for dotenv files, and not for json
    [2]
    $ mvx env render --format json --name api
    mvx: error: `--name`, `--namespace` and `--base64` are for the format k8s
    [2]
    $ mvx env render k8s --name Api_1
    mvx: error: `Api_1` cannot be the name of a Kubernetes object
    mvx: hint: small letters, digits and `-` are what Kubernetes takes, a name also takes dots
    [2]
    "##);
}

#[test]
fn the_reader_is_found_by_what_lies_beside_the_output() {
    let repo = repo();
    let header = |file: &str, text: &str| {
        fs::remove_file(repo.sandbox.path(file)).ok();
        repo.write(file, text);
        let outcome = repo.mvx(["env", "render"]).outcome();
        fs::remove_file(repo.sandbox.path(file)).unwrap();
        let line = outcome.stdout().lines().nth(1).unwrap_or_default();
        line.to_owned()
    };
    assert_eq!(
        header("package.json", r#"{"dependencies": {"next": "16"}}"#),
        "# for expand: package.json depends on next"
    );
    assert_eq!(
        header("package.json", r#"{"dependencies": {"dotenv": "17"}}"#),
        "# for node: package.json depends on dotenv"
    );
    assert_eq!(
        header(
            "compose.yaml",
            "services:\n  a:\n    env_file: .env.local\n"
        ),
        "# for compose: compose.yaml names .env.local as `env_file`"
    );
    repo.write("Cargo.toml", "");
    insta::assert_snapshot!(repo.session(r"
        mvx env render -o out/a.env
        head -2 out/a.env
        mvx env render python -o out/b.env
        echo '{}' > package.json
        mvx env render -o out/c.env --dialect shell
        printf plain | mvx set -q secrets/dev/app.enc.yaml db.password
        mvx env render -o out/d.env
    "), @r##"
    $ mvx env render -o out/a.env
    mvx: out/a.env: 3 values as dotenv for rust (Cargo.toml is there, and dotenvy is what Rust projects read it with); it holds plaintext
    $ head -2 out/a.env
    # made by mvx: env render local; your changes are lost when it is made again
    # for rust: Cargo.toml is there, and dotenvy is what Rust projects read it with
    $ mvx env render python -o out/b.env
    mvx: out/b.env: 3 values as dotenv for python (the profile `python` says so); it holds plaintext
    $ echo '{}' > package.json
    $ mvx env render -o out/c.env --dialect shell
    mvx: out/c.env: 3 values as dotenv for shell (`--dialect` says so); it holds plaintext
    $ printf plain | mvx set -q secrets/dev/app.enc.yaml db.password
    $ mvx env render -o out/d.env
    mvx: out/d.env: 3 values as dotenv for portable (package.json names no reader, so that any of Node's is meant; Cargo.toml is there, and dotenvy is what Rust projects read it with); it holds plaintext
    mvx: warning: several programs may read it, so it is portable: package.json names no reader, so that any of Node's is meant; Cargo.toml is there, and dotenvy is what Rust projects read it with
    mvx: hint: `--dialect`, or `dialect` in the profile, says which one does
    "##);
}

#[test]
fn files_are_private_new_and_ignored() {
    let repo = repo();
    let render = |output: &str, more: &[&str]| {
        let mut arguments = vec!["env", "render", "--format", "json", "-o", output];
        arguments.extend(more);
        repo.mvx(arguments).outcome()
    };
    assert_eq!(render("out/a.json", &[]).code(), Some(0));
    let mode = fs::metadata(repo.sandbox.path("out/a.json")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    assert_eq!(render("out/a.json", &[]).code(), Some(4));
    assert_eq!(render("out/a.json", &["--overwrite"]).code(), Some(0));
    let exposed = render("exposed.json", &[]);
    assert_eq!(exposed.code(), Some(4));
    assert!(!repo.has("exposed.json"));
    assert!(exposed.stderr.contains("git does not ignore"), "{exposed}");
    assert_eq!(
        render("exposed.json", &["--allow-unignored"]).code(),
        Some(0)
    );
    symlink("../elsewhere", repo.sandbox.path("out/link")).unwrap();
    assert_eq!(render("out/link", &["--overwrite"]).code(), Some(4));
    assert!(!repo.has("elsewhere"));
    let secret = render(
        "secrets/dev/app.enc.yaml",
        &["--overwrite", "--allow-unignored"],
    );
    assert_eq!(secret.code(), Some(2));
}

#[test]
fn github_gets_its_masks_before_anything_else() {
    let repo = repo();
    // as `printf` leaves it
    repo.write("github_env", "BEFORE=1");
    let run = || {
        repo.mvx(["env", "render", "--format", "github"])
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_ENV", repo.sandbox.path("github_env"))
            .outcome()
    };
    let outcome = run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    insta::assert_snapshot!(outcome.stdout(), @r"
    ::add-mask::it's $HOME #1
    ::add-mask::line one
    ::add-mask::line two
    ");
    let text = repo.read("github_env");
    let delimiter = |text: &str| {
        let (_, rest) = text.split_once("DB_PASSWORD<<").unwrap();
        rest.lines().next().unwrap().to_owned()
    };
    let first = delimiter(&text);
    assert!(first.len() > 40, "{first}");
    assert_eq!(
        text.replace(&first, "D"),
        "BEFORE=1\nDB_PASSWORD<<D\nit's $HOME #1\nD\nDB_PORT<<D\n5432\nD\nTLS<<D\nline one\nline two\n\nD\n"
    );
    repo.write("github_env", "");
    assert_eq!(run().code(), Some(0));
    assert_ne!(delimiter(&repo.read("github_env")), first);
    let json = repo
        .mvx(["--json", "env", "render", "--format", "github"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_ENV", repo.sandbox.path("github_env"))
        .outcome();
    assert_eq!(json.code(), Some(2), "{json}");
}

#[test]
fn templates_are_filled() {
    let repo = repo();
    repo.write(
        "app.properties.tmpl",
        "db.password={{ mvx:DB_PASSWORD | properties }}\ndb.port={{ mvx:DB_PORT }}\nother=${x} {{ y }}\n",
    );
    repo.write("bad.tmpl", "a\n{{ mvx:TLS }}\n");
    repo.write("unknown.tmpl", "{{ mvx:NOPE }}\n");
    insta::assert_snapshot!(repo.session(r"
        mvx env render --template app.properties.tmpl
        mvx env render --template app.properties.tmpl -o out/app.properties
        mvx env render --template bad.tmpl
        mvx env render --template unknown.tmpl
        mvx env render --template nowhere.tmpl
        mvx env render --template bad.tmpl --format json
    "), @r##"
    $ mvx env render --template app.properties.tmpl
    db.password=it's $HOME \#1
    db.port=5432
    other=${x} {{ y }}
    $ mvx env render --template app.properties.tmpl -o out/app.properties
    mvx: out/app.properties: 3 values as a filled template; it holds plaintext
    $ mvx env render --template bad.tmpl
    mvx: error: bad.tmpl: line 2: `TLS` cannot be put in as raw: it holds a line break or another control character
    mvx: hint: a filter says how to write it: `{{ mvx:TLS | lines }}` puts its lines in as they are
    mvx: hint: the filters are lines, json, json-inner, shell, url, xml, properties, nginx, netrc, base64, base64url, hcl
    [4]
    $ mvx env render --template unknown.tmpl
    mvx: error: unknown.tmpl: line 1: nothing is delivered as `NOPE`
    mvx: hint: `mvx env example --dry-run` shows the names that profiles deliver
    [3]
    $ mvx env render --template nowhere.tmpl
    mvx: error: nowhere.tmpl: there is no such file or directory
    [4]
    $ mvx env render --template bad.tmpl --format json
    mvx: error: `--template <FILE>` and `--format <FORMAT>` exclude each other
    mvx: hint: `mvx env render --help` shows what it takes
    [2]
    "##);
}

#[test]
fn names_that_steer_a_process_are_not_handed_to_one() {
    let repo = repo();
    repo.seal("secrets/dev/more.yaml", "ld:\n  preload: /tmp/x.so\n");
    for format in ["shell", "systemd", "docker", "gitlab", "azure"] {
        let outcome = repo.mvx(["env", "render", "--format", format]).outcome();
        assert_eq!(outcome.code(), Some(3), "{format}: {outcome}");
        assert!(outcome.stderr.contains("`LD_PRELOAD`"), "{outcome}");
    }
    let json = repo.mvx(["env", "render", "--format", "json"]).outcome();
    assert_eq!(json.code(), Some(0), "{json}");
}

#[test]
fn an_assistant_needs_a_reason() {
    let repo = repo();
    let run = |arguments: &[&str]| {
        let all = [["env", "render", "--format", "json"].as_slice(), arguments].concat();
        repo.mvx(all).env("AI_AGENT", "1").outcome().code()
    };
    assert_eq!(run(&[]), Some(2));
    assert_eq!(run(&["--reveal", "a look"]), Some(0));
    assert_eq!(run(&["-o", "out/x.json"]), Some(0));
}
