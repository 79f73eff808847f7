//! No value gets where it is not meant to be: every command runs over files seeded with known
//! values, and what it prints, says and leaves behind is searched for them, raw and encoded.
//!
//! These reveal on standard output, and nowhere else: `decrypt`, `get`, `env render`. An editor that `edit`
//! starts sees the plaintext; its draft is gone afterwards.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE};
use clap::CommandFactory;
use mvx::render::Format;

use crate::repo::{CAROL, Repo, fixture};

mod failures;

/// A number that is in the files.
const NUMBER: &str = "739204518263";

/// Where the plaintext may be after a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reveals {
    /// Nowhere.
    Nothing,
    /// On standard output.
    Stdout,
}

use Reveals::{Nothing, Stdout};

#[test]
fn commands_that_succeed() {
    let hunt = Hunt::new();
    for name in ["app.yaml", "app.json", "app.env", "app.ini"] {
        let sealed = hunt.seal(name);
        let key = if name == "app.ini" { "s.KEY" } else { "KEY" };
        let run = |line: &str, reveals| {
            let line = line.replace("FILE", &sealed).replace("KEY", key);
            let code = hunt.run(&line, reveals);
            assert!([Some(0), Some(200)].contains(&code), "{line}: {code:?}");
        };
        run("mvx ls FILE", Nothing);
        run("mvx ls --json FILE", Nothing);
        run("mvx doctor --explain FILE", Nothing);
        run("mvx doctor --json FILE", Nothing);
        run("mvx decrypt FILE", Stdout);
        run("mvx decrypt --json FILE", Stdout);
        run("mvx decrypt - --filename FILE < FILE", Stdout);
        run("mvx get FILE KEY", Stdout);
        run("mvx get --raw FILE KEY", Stdout);
        run("mvx get --json FILE KEY", Stdout);
        run("mvx set FILE KEY < new", Nothing);
        run("mvx set FILE KEY < new", Nothing);
        run("mvx set --json FILE KEY --from-file new", Nothing);
        run("mvx set FILE KEY --exact --value \"$(cat new)\"", Nothing);
        if name == "app.ini" {
            run("mvx set --many FILE < section.json", Nothing);
        } else {
            run("mvx set --many FILE < new.env", Nothing);
            run("mvx set --many FILE < new.json", Nothing);
        }
        run("mvx mv FILE KEY KEY2", Nothing);
        run("mvx mv --json FILE KEY2 KEY", Nothing);
        run("EDITOR=~/editor.sh mvx edit FILE", Nothing);
        run("EDITOR=true mvx edit --json FILE", Nothing);
        ledger(&run);
        run("mvx unset FILE KEY", Nothing);
        run("mvx seal show FILE", Nothing);
        run("mvx seal accept --json FILE", Nothing);
        run("mvx repair FILE", Nothing);
        // what stands in clear beside it is found, and not shown
        let scans = "for f in text json sarif csv junit github gitlab; do mvx scan --no-ignore --fail-on low --format $f; done; true";
        run(scans, Nothing);
        run("mvx scan --stdin < new; mvx scan rules list", Nothing);
        run(
            "mvx scan baseline create --force; rm -f .mvx-baseline",
            Nothing,
        );
        run("mvx git install && mvx git uninstall", Nothing);
        run("mvx git hook pre-commit; true", Nothing);
        run(
            "mvx decrypt -i --allow-unignored FILE; mvx encrypt -i FILE",
            Nothing,
        );
    }
    hunt.run("mvx ls", Nothing);
    hunt.run("mvx ls --json", Nothing);
    hunt.plain("secrets/dev/app.yaml", &hunt.text_of("app.yaml"));
    hunt.run("mvx clean --dry-run --json secrets", Nothing);
    hunt.run("mvx clean --yes secrets new.env", Nothing);
    for line in [
        "mvx recipients list",
        "mvx recipients list --json",
        "mvx rekey --yes",
        "mvx rekey --json secrets/dev/app.enc.yaml",
        "mvx recipients add carol CAROL --group team --yes",
        "mvx recipients remove carol --dry-run",
        "mvx recipients remove carol --yes --json",
        "mvx recipients sync --yes",
        "mvx recipients request",
        "mvx keys rotate --dry-run",
    ] {
        let line = line.replace("CAROL", CAROL);
        assert_eq!(hunt.run(&line, Nothing), Some(0), "{line}");
    }
    hunt.run(
        "EDITOR=~/editor.sh mvx edit secrets/dev/new.enc.yaml",
        Nothing,
    );
    hunt.deliver();
    hunt.run_and_redact();
    hunt.every_command_was_run();
}

/// What would be told, and what is said of an address and a secret that cannot be.
const TELLING: &str = "\
    cp .sops-rules.toml ../rules; printf '[notify.bot]\\n' >> .sops-rules.toml; \
    export MVX_NOTIFY_BOT_URL=http://127.0.0.1:9/hook MVX_NOTIFY_BOT_SECRET=invented-secret-of-24-bytes; \
    all=$(cd .mvx/ledger && find . -name '*.toml' | sed 's/.*-/--event /; s/.toml//'); \
    mvx notify $all --dry-run --json; mvx notify $all --dry-run; mvx notify $all --tries 1; \
    mvx --json notify $all --tries 1; export MVX_NOTIFY_BOT_SECRET=\"$(cat new)\" MVX_NOTIFY_BOT_URL=http://x/$MVX_NOTIFY_BOT_SECRET; mvx notify $all; mvx --json notify --since HEAD; mv ../rules .sops-rules.toml; true";

/// What writes and reads the ledger: events, kept values, logs.
fn ledger(run: &impl Fn(&str, Reveals)) {
    for line in [
        "mvx rotation record; mvx rotation verify",
        "mvx rotate FILE KEY --from-file new --grace 1d --note 'a note' --json",
        "mvx rotate FILE KEY --from-file new; true",
        "mvx rotate FILE KEY --from-file new --note \"$(cat new)\"; true",
        "mvx rotate FILE KEY --generate hex:32 --reason scheduled",
        "mvx history FILE KEY; mvx history --json FILE KEY",
        "mvx consumers FILE KEY; mvx consumers --json FILE KEY; mvx consumers --unused; true",
        "mvx rollback FILE KEY --to 1; mvx rollback --json FILE KEY --to 2; true",
        "mvx delete FILE KEY --reason test; mvx restore FILE KEY; true",
        "mvx rotation due --all; mvx rotation due --all --format github; true",
        "mvx rotation log; mvx rotation log --json; mvx rotation log --format csv",
        "mvx rotation verify --json; mvx rotation repair; mvx rotation expire --dry-run; true",
        TELLING,
    ] {
        run(line, Nothing);
    }
}

#[test]
fn commands_about_keys() {
    let hunt = Hunt::new();
    let sealed = hunt.seal("app.yaml");
    let run = |line: &str, code: i32| {
        let line = line.replace("FILE", &sealed);
        assert_eq!(hunt.run(&line, Nothing), Some(code), "{line}");
    };
    run("mvx keys list", 0);
    run("mvx keys list --json", 0);
    run("mvx keys public", 0);
    run("mvx keys public --json", 0);
    run("mvx keys generate", 4);
    run("mvx keys generate --json", 4);
    run("mvx keys recovery --generate-passphrase > /dev/null", 0);
    run("mvx keys recovery --passphrase-file new > /dev/null", 0);
    run("mvx keys rotate --dry-run", 0);
    run("mvx keys rotate", 4);
    run("mvx keys rotate --yes", 0);
    run("mvx keys rotate --yes --json", 0);
    run("mvx keys rotate --yes --forget-old", 0);
    run("mvx doctor --json FILE", 0);
    // A value or a private key where something else is wanted.
    for wrong in ["cat new", "tail -1 ~/.config/mvx/keys.txt"] {
        for line in [
            "mvx keys rotate --to \"$(WRONG)\"",
            "mvx recipients add x \"$(WRONG)\" --group team --yes",
            "mvx recipients add x --json \"$(WRONG)\"",
            "mvx rekey --drop \"$(WRONG)\" --yes FILE",
            "mvx recipients sync --drop \"$(WRONG)\" --yes FILE",
            "mvx keys generate -o new",
            "mvx keys generate --output=~/.config/mvx/keys.txt",
        ] {
            hunt.run(
                &line.replace("WRONG", wrong).replace("FILE", &sealed),
                Nothing,
            );
        }
    }
    hunt.every_part_was_run("keys");
}

#[test]
fn commands_that_import() {
    let hunt = Hunt::new();
    for name in ["a.yaml", "a.json", "a.env", "a.ini"] {
        let path = format!("plain/{name}");
        hunt.plain(&path, &hunt.text_of(name));
        let run = |line: &str| {
            hunt.run(&line.replace("FILE", &path), Nothing);
        };
        run("mvx import FILE --to secrets/dev/all.enc.yaml --dry-run");
        run("mvx import FILE --to secrets/dev/all.enc.yaml");
        run("mvx import --json FILE new.env --to secrets/dev/all.enc.yaml");
        run("mvx import --json FILE --to secrets/dev/all.enc.yaml --overwrite");
        run("mvx import FILE --to secrets/dev/one.enc.json --at x");
        run("mvx import FILE --to secrets/dev/one.enc.env");
        run("mvx import - --from yaml --to secrets/dev/x.enc.yaml < FILE");
        for dialect in mvx::dialects::Dialect::ALL {
            let line = format!(
                "mvx import FILE --to x --from env --dialect {}",
                dialect.name()
            );
            run(&line);
        }
        for kind in ["json", "yaml", "ini", "doppler", "1password"] {
            run(&format!(
                "mvx import FILE --to secrets/dev/x.enc.yaml --from {kind}"
            ));
        }
        run("mvx import FILE --to secrets/dev/all.enc.yaml --rm --gitignore");
    }
    let value = hunt.new.trim_end_matches('=').to_owned();
    for (number, text) in [
        "KEY='VALUE",
        "KEY=\"VALUE\" VALUE",
        "KEY=`VALUE",
        "VALUE",
        "export VALUE",
        "KEY=$(VALUE",
        "KEY=${VALUE}",
        "KEY=VALUE;VALUE",
        "{\"A\": {\"raw\": \"VALUE\", \"computed\": 1}}",
        "{\"fields\": [\"VALUE\"]}",
        "[\"VALUE\"]",
    ]
    .iter()
    .enumerate()
    {
        let path = format!("plain/broken{number}");
        hunt.plain(&path, &text.replace("VALUE", &value));
        for dialect in mvx::dialects::Dialect::ALL {
            let name = dialect.name();
            hunt.run(
                &format!(
                    "mvx import {path} --to secrets/dev/no.enc.yaml --dry-run --dialect {name}"
                ),
                Nothing,
            );
        }
        hunt.run(
            &format!("mvx import {path} --to secrets/dev/no.enc.yaml --dry-run --json"),
            Nothing,
        );
    }
}

#[test]
fn commands_that_encrypt() {
    let hunt = Hunt::new();
    for name in ["a.yaml", "a.json", "a.env", "a.ini", "a.bin"] {
        let path = format!("secrets/dev/{name}");
        hunt.plain(&path, &hunt.text_of(name));
        let run = |line: &str| {
            hunt.run(&line.replace("FILE", &path), Nothing);
        };
        run("mvx encrypt --dry-run --json secrets");
        run("mvx encrypt FILE");
        run("mvx encrypt FILE");
        run("mvx encrypt --json --overwrite FILE");
        run("mvx encrypt - --filename FILE < FILE");
        run("mvx encrypt --json -o - FILE");
        run("mvx encrypt -i FILE");
        run("mvx encrypt -i FILE");
    }
}

/// A repository with seeded files, and what may hold them.
struct Hunt {
    repo: Repo,
    /// The value that is in the files. It has characters that encodings change.
    old: String,
    /// The value that is set, edited in or typed wrongly.
    new: String,
    /// A comment: SOPS encrypts those, too.
    comment: String,
    id: String,
    needles: Vec<String>,
    /// Plaintext that the test itself wrote.
    plain: std::cell::RefCell<BTreeSet<PathBuf>>,
    lines: std::cell::RefCell<Vec<String>>,
}

impl Hunt {
    fn new() -> Self {
        let key = fs::read_to_string(fixture("identity/ci.txt")).unwrap();
        let identity = key.lines().last().unwrap().to_owned();
        // No other test has the same: their drafts are in the same memory.
        let id = tempfile::Builder::new()
            .prefix("id")
            .rand_bytes(8)
            .tempdir()
            .unwrap();
        let id = id.path().file_name().unwrap().to_str().unwrap();
        let old = format!("canary/old{id} x+y=");
        let new = format!("canary/new{id} x+y=");
        let comment = format!("canary comment{id} there");
        let mut needles: Vec<String> = [&old, &new, &comment, NUMBER]
            .iter()
            .flat_map(|value| encodings(value))
            .collect();
        // Enough of the private key to be sure.
        needles.push(identity["AGE-SECRET-KEY-1".len()..][..24].to_owned());
        let hunt = Self {
            repo: Repo::new(),
            old,
            new,
            comment,
            id: id.to_owned(),
            needles,
            plain: std::cell::RefCell::default(),
            lines: std::cell::RefCell::default(),
        };
        let Self { old, new, .. } = &hunt;
        hunt.plain("new", new);
        hunt.plain("new.env", &format!("KEY={new}\n"));
        hunt.plain("new.json", &format!("{{\"EXTRA\": \"{new}\"}}\n"));
        hunt.plain("section.json", &format!("{{\"s.EXTRA\": \"{new}\"}}\n"));
        hunt.plain("broken.json", &format!("{{\"KEY\": \"{new}\", {new}}}\n"));
        hunt.editor(&format!(
            "sed -i 's|{old}|{new}|; s|example value|{new}|' \"$1\""
        ));
        hunt
    }

    fn plain(&self, name: &str, text: &str) {
        let path = self.repo.write(name, text);
        self.plain
            .borrow_mut()
            .insert(fs::canonicalize(path).unwrap());
    }

    fn editor(&self, script: &str) {
        // The script may hold values.
        let path = self.repo.editor(script);
        self.plain
            .borrow_mut()
            .insert(fs::canonicalize(path).unwrap());
    }

    /// A sealed file with all kinds of values; its path.
    fn seal(&self, name: &str) -> String {
        let path = format!("secrets/dev/{name}");
        let sealed = mvx::app::files::sealed_name(Path::new(&path));
        fs::remove_file(self.repo.sandbox.path(&sealed)).ok();
        self.repo.seal(&path, self.text_of(name));
        sealed.display().to_string()
    }

    /// The content of a seeded file.
    fn text_of(&self, name: &str) -> String {
        let Self { old, comment, .. } = self;
        match name.rsplit_once('.').unwrap().1 {
            "yaml" => format!(
                "# {comment}\nKEY: {old} # {comment}\nN: {NUMBER}\nm:\n  l: [\"{old}\", {NUMBER}]\n  block: |\n    {old}\n"
            ),
            "json" => format!(
                "{{\n  \"KEY\": \"{old}\",\n  \"N\": {NUMBER},\n  \"m\": {{\"l\": [\"{old}\"]}}\n}}\n"
            ),
            "env" => format!("# {comment}\nKEY={old}\nN={NUMBER}\n"),
            "ini" => format!("; {comment}\n[s]\nKEY = {old}\nN = {NUMBER}\n"),
            _ => format!("{old}\n{NUMBER}\n"),
        }
    }

    /// What profiles write: the output holds values, and nothing else does.
    fn deliver(&self) {
        let sealed = self.seal("delivered.yaml");
        let rules = self.repo.read(".sops-rules.toml");
        let profile = format!(
            "[env.local]\nfiles = [\"{sealed}\"]\noutput = \".env.local\"\nexample = \".env.example\"\n"
        );
        self.repo
            .write(".sops-rules.toml", format!("{rules}{profile}"));
        self.plain(".env.local", &format!("KEY={}\n", self.new));
        for (line, code) in [
            ("mvx env check", 1),
            ("mvx env sync --dry-run", 0),
            ("mvx env sync --gitignore", 0),
            ("mvx env sync --json", 0),
            ("mvx env check --json", 1),
            ("mvx env example", 0),
            ("mvx env check", 0),
            ("mvx env check --names-only --format github", 0),
            ("mvx env example --json", 0),
        ] {
            assert_eq!(self.run(line, Nothing), Some(code), "{line}");
        }
        self.render();
    }

    /// What renders prints values where it succeeds, and nothing of them where it does not.
    fn render(&self) {
        self.plain("bad.tmpl", "{{ mvx:M_BLOCK }}");
        for format in Format::all() {
            let flags = match format {
                Format::Dotenv(dialect) => format!("--dialect {}", dialect.name()),
                other => format!("--format {}", other.name()),
            };
            self.run(&format!("mvx env render {flags}"), Stdout);
            let to_file = format!("mvx env render {flags} -o .env.local --overwrite");
            self.run(&to_file, Nothing);
            self.run(&(to_file + " --json"), Nothing);
        }
        for line in [
            "mvx env render --template bad.tmpl",
            "mvx env render --template bad.tmpl --json",
            "mvx env render --format docker --json",
        ] {
            assert_eq!(self.run(line, Nothing), Some(4), "{line}");
        }
    }

    /// Commands under `mvx run`, and streams through `mvx redact`.
    fn run_and_redact(&self) {
        for (line, reveals) in [
            ("mvx run --dry-run", Nothing),
            ("mvx run --dry-run --json local", Nothing),
            ("mvx run local -- env", Stdout),
            ("mvx run --redact -- env", Nothing),
            ("mvx run --redact -- sh -c 'env >&2; env | base64'", Nothing),
            ("mvx run --files N,M_BLOCK=B -- sh -c 'ls $N $B'", Nothing),
            ("mvx run --watch -- true", Nothing),
            ("mvx run -- sh -c 'cat /proc/$$/cmdline'", Nothing),
            ("mvx run -- env | mvx redact", Nothing),
            (
                "mvx decrypt secrets/dev/delivered.enc.yaml | mvx redact --file secrets/dev/delivered.enc.yaml",
                Nothing,
            ),
        ] {
            assert_eq!(self.run(line, reveals), Some(0), "{line}");
        }
    }

    /// Runs a line in a shell, talkative, and searches everything it leaves.
    fn run(&self, line: &str, reveals: Reveals) -> Option<i32> {
        self.lines.borrow_mut().push(line.to_owned());
        let outcome = self.repo.shell(&line.replace("mvx ", "mvx -vv "));
        let stdout = String::from_utf8_lossy(&outcome.stdout);
        self.search(&outcome.stderr, line, "standard error");
        if reveals == Nothing {
            self.search(&stdout, line, "standard output");
        } else if outcome.code() != Some(0) {
            self.search(&stdout, line, "standard output of a failed command");
        }
        // Whoever's: a key that was just made, too.
        let key = "AGE-SECRET-KEY-1";
        let told = stdout.contains(key) && !line.contains("keys recovery");
        assert!(
            !told && !outcome.stderr.contains(key),
            "{line}: a private key"
        );
        let long_hex = |word: &str| word.len() >= 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
        for word in outcome.stderr.split(|c: char| !c.is_ascii_alphanumeric()) {
            assert!(!long_hex(word), "{line}: a hash on standard error");
        }
        for name in self.repo.sandbox.files() {
            let path = self.repo.sandbox.root().join(&name);
            let ours = fs::canonicalize(&path);
            let ours = ours.is_ok_and(|path| self.plain.borrow().contains(&path));
            // one's own, and after `keys rotate` the old one beside it
            let key = name.contains(".config/mvx/keys.");
            if !ours && !key {
                let bytes = fs::read(&path).unwrap_or_default();
                self.search(&String::from_utf8_lossy(&bytes), line, &name);
            }
        }
        let log = self.repo.home(".local/state/mvx/access.jsonl");
        self.search(
            &fs::read_to_string(log).unwrap_or_default(),
            line,
            "the access log",
        );
        for path in drafts() {
            let bytes = fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            // The number is the same for all.
            assert!(
                !text.contains(&self.id),
                "`{line}`: a draft is left: {}",
                path.display()
            );
        }
        outcome.code()
    }

    fn search(&self, text: &str, line: &str, place: &str) {
        for needle in &self.needles {
            assert!(
                !text.contains(needle),
                "`{line}`: {needle} in {place}:\n{text}"
            );
        }
    }

    /// No command is left out, also none that will be added. Some have no file to look at.
    fn every_command_was_run(&self) {
        let elsewhere = ["encrypt", "import", "init", "keys", "help", "gen"];
        let lines = self.lines.borrow();
        for command in mvx::cli::Cli::command().get_subcommands() {
            let name = command.get_name();
            let run = lines
                .iter()
                .any(|line| line.contains(&format!("mvx {name}")));
            assert!(run || elsewhere.contains(&name), "{name} is not searched");
            if !elsewhere.contains(&name) {
                self.every_part_was_run(name);
            }
        }
    }

    /// Of a command that has commands of its own, none is left out.
    fn every_part_was_run(&self, name: &str) {
        let lines = self.lines.borrow();
        let cli = mvx::cli::Cli::command();
        let command = cli.find_subcommand(name).unwrap();
        for part in command.get_subcommands() {
            let words = format!("mvx {name} {}", part.get_name());
            let run = lines.iter().any(|line| line.contains(&words));
            assert!(run, "{words} is not searched");
        }
    }
}

/// A value as it is, and in the forms in which it could slip through.
fn encodings(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    let shifted = (0..3).flat_map(|shift| base64_within(bytes, shift));
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let hex = hex.concat();
    let url: String = value
        .chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() => c.to_string(),
            c => format!("%{:02X}", u32::from(c)),
        })
        .collect();
    let all = [
        value.to_owned(),
        // without what a shell or a parser may cut at
        value
            .split([' ', '/', '+', '='])
            .nth(1)
            .unwrap_or(value)
            .to_owned(),
        BASE64_STANDARD.encode(bytes),
        BASE64_STANDARD_NO_PAD.encode(bytes),
        BASE64_URL_SAFE.encode(bytes),
        hex.to_uppercase(),
        hex,
        url.replace("%20", "+"),
        url,
        format!("{bytes:?}"),
    ];
    shifted
        .chain(all)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// What stands in base64 of a longer text for these bytes, wherever they begin in it: `shift` bytes
/// after a group of three. The characters at both ends hold bits of their neighbours, too.
fn base64_within(bytes: &[u8], shift: usize) -> [String; 2] {
    let padded = [&[0; 3][..shift], bytes].concat();
    let whole = padded.len() * 8 / 6;
    [
        BASE64_STANDARD.encode(&padded),
        BASE64_URL_SAFE.encode(&padded),
    ]
    .map(|text| text[(shift * 8).div_ceil(6)..whole].to_owned())
}

#[test]
fn base64_is_found_wherever_it_begins() {
    let value = "canary/old~?";
    for before in ["", "a", "ab", "abc"] {
        let text = BASE64_STANDARD.encode(format!("{before}{value} and more"));
        let found = encodings(value).iter().any(|form| text.contains(form));
        assert!(found, "{text}");
    }
}

/// The files of drafts in memory, of whatever test.
fn drafts() -> Vec<PathBuf> {
    let entries = fs::read_dir("/dev/shm").into_iter().flatten();
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("mvx-"))
        .flat_map(|entry| fs::read_dir(entry.path()).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .collect()
}
