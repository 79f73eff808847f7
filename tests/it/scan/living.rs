//! What lets findings pass, and for how long.

use super::{clean, found, repo, run, scan, token};

#[test]
fn a_comment_lets_pass_until_its_day() {
    let repo = repo();
    let line = |comment: &str| format!("token = \"{}\"  # {comment}\n", token(1));
    for comment in [
        "mvx:allow",
        "mvx:allow a test",
        "gitleaks:allow",
        "pragma: allowlist secret",
        "ggignore",
    ] {
        repo.write("a.py", line(comment));
        let outcome = scan(&repo, "");
        clean(&outcome);
        assert!(
            outcome.stderr.contains("1 finding let pass"),
            "{comment}: {outcome}"
        );
    }
    repo.write("a.py", line("mvx:allow until=2020-01-31 we rotate then"));
    let outcome = scan(&repo, "");
    found(&outcome, "a.py:1:10: ");
    assert!(
        outcome
            .stdout()
            .contains("`mvx:allow` on line 1 let it pass until 2020-01-31"),
        "{outcome}"
    );
    repo.write("a.py", line("mvx:allow until=2199-01-31 we rotate then"));
    clean(&scan(&repo, ""));
}

#[test]
fn the_rules_let_pass_until_their_day() {
    let repo = repo();
    repo.write("fixtures/a.py", format!("token = \"{}\"\n", token(1)));
    let rules = |day: &str| {
        format!(
            "version = 1\n[[scan.allow]]\npaths = [\"fixtures/**\"]\nreason = \"invented\"\nexpires = {day}\n"
        )
    };
    repo.write(".sops-rules.toml", rules("2199-12-31"));
    clean(&scan(&repo, ""));
    repo.write(".sops-rules.toml", rules("2020-12-31"));
    let outcome = scan(&repo, "");
    found(&outcome, "fixtures/a.py:1:10: ");
    assert!(
        outcome.stdout().contains(
            "`[[scan.allow]]` on line 2 of .sops-rules.toml let it pass until 2020-12-31"
        ),
        "{outcome}"
    );
    // a rule that is switched off
    repo.write(
        ".sops-rules.toml",
        "version = 1\n[scan]\ndisable = [\"github-token\"]\n",
    );
    clean(&scan(&repo, ""));
    // rules that are wrong let nothing pass
    repo.write(
        ".sops-rules.toml",
        "version = 1\n[scan]\ndisable = [\"no-such-rule\"]\n",
    );
    assert_eq!(scan(&repo, "").code(), Some(3));
}

#[test]
fn what_gitleaks_and_detect_secrets_know_is_known() {
    let repo = repo();
    repo.write("a.py", format!("\ntoken = \"{}\"\n", token(1)));
    repo.write(
        ".gitleaksignore",
        "# known\na.py:github-pat:2\ngone.py:github-pat:1\n",
    );
    let outcome = scan(&repo, "");
    clean(&outcome);
    assert!(outcome.stderr.contains("1 finding known"), "{outcome}");
    assert!(
        outcome
            .stderr
            .contains(".gitleaksignore: 1 entry lets pass nothing that mvx finds, gone.py"),
        "{outcome}"
    );
    repo.write(".gitleaksignore", "a.py:github-pat:1\n");
    found(&scan(&repo, ""), "a.py:2:10: ");
    run(&repo, "rm .gitleaksignore");
    let hash = repo.shell(&format!(
        "printf %s '{}' | sha1sum | cut -d' ' -f1",
        token(1)
    ));
    let hash = hash.stdout().trim().to_owned();
    repo.write(
        ".secrets.baseline",
        format!(r#"{{"version": "1.5.0", "results": {{"a.py": [{{"type": "GitHub Token", "filename": "a.py", "hashed_secret": "{hash}", "line_number": 9}}]}}}}"#),
    );
    clean(&scan(&repo, ""));
    repo.write(".secrets.baseline", "{}");
    let outcome = scan(&repo, "");
    found(&outcome, "a.py:2:10: ");
    assert!(
        outcome.stderr.contains("is not detect-secrets' baseline"),
        "{outcome}"
    );
}

#[test]
fn confidence_decides_what_fails() {
    let repo = repo();
    // a checksum that is wrong: GitHub never issued it
    let wrong = format!("{}AAAAAA", &token(1)[..34]);
    repo.write("a.py", format!("token = \"{wrong}\"\n"));
    let outcome = scan(&repo, "");
    clean(&outcome);
    assert!(
        outcome.stderr.contains("1 of low confidence not shown"),
        "{outcome}"
    );
    found(&scan(&repo, "--fail-on low"), "a.py:1:10: ");
    repo.write(
        ".sops-rules.toml",
        "version = 1\n[scan]\nfail_on = \"low\"\n",
    );
    found(&scan(&repo, ""), "a.py:1:10: ");
}

#[test]
fn a_file_that_should_be_encrypted_is_a_finding() {
    let repo = crate::repo::Repo::new();
    repo.write(".gitignore", "");
    repo.write("secrets/dev/a.yaml", "db:\n  port: 1\n");
    repo.write("secrets/dev/README.md", "about\n");
    repo.write("other.yaml", "a: 1\n");
    run(&repo, "git add -A");
    for arguments in ["", "--staged"] {
        let outcome = scan(&repo, arguments);
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        assert_eq!(
            outcome.stdout().lines().next(),
            Some(
                "secrets/dev/a.yaml: not encrypted, though a rule covers it [mvx-not-encrypted, high]"
            ),
            "{outcome}"
        );
        assert_eq!(outcome.stdout().matches("[mvx-").count(), 1, "{outcome}");
    }
    run(
        &repo,
        "mvx encrypt --rm -q secrets/dev/a.yaml && git add -A",
    );
    clean(&scan(&repo, "--staged"));
    // staged in clear, and clean on the disk
    repo.write("secrets/dev/a.enc.yaml", "db:\n  port: 1\n");
    run(
        &repo,
        "git add -A && git stash -q --keep-index 2>/dev/null; rm -f secrets/dev/a.enc.yaml",
    );
    let outcome = scan(&repo, "--staged");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
}

#[test]
fn a_clear_value_beside_encrypted_ones_is_found() {
    let repo = crate::repo::Repo::new();
    let sealed = repo.seal(
        "secrets/k8s/a.yaml",
        format!("data:\n  a: b\nnote: {}\n", token(1)),
    );
    assert!(sealed.contains(&token(1)));
    let outcome = scan(&repo, "");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(
        outcome.stdout().starts_with("secrets/k8s/a.enc.yaml:3:7: "),
        "{outcome}"
    );
}

#[test]
fn ignored_files_are_scanned_when_asked_for() {
    let repo = repo();
    repo.write(".gitignore", ".env\n");
    repo.write(".env", format!("TOKEN={}\n", token(1)));
    clean(&scan(&repo, ""));
    found(&scan(&repo, "--no-ignore"), ".env:1:7: ");
    found(&scan(&repo, ".env"), ".env:1:7: ");
}

#[test]
fn standard_input_is_scanned() {
    let repo = repo();
    let outcome = repo.shell(&format!("echo 'x {}' | mvx scan --stdin", token(1)));
    found(&outcome, "standard input:1:3: ");
    clean(&repo.shell("echo nothing | mvx scan --stdin"));
}

#[test]
fn a_gitleaks_file_is_taken_where_the_rules_say_nothing() {
    let repo = repo();
    let rule = "[[rules]]\nid = 'acme'\ndescription = 'Acme'\nregex = '''acme_[0-9]{8}'''\nkeywords = ['acme_']\n";
    repo.write(".gitleaks.toml", rule);
    repo.write("a.txt", format!("acme_12345678\n{}\n", token(1)));
    let outcome = scan(&repo, "");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(outcome.stdout().starts_with("a.txt:1:1: Acme"), "{outcome}");
    assert!(!outcome.stdout().contains("github-token"), "{outcome}");
    repo.write(
        ".gitleaks.toml",
        format!("[extend]\nuseDefault = true\n{rule}"),
    );
    let outcome = scan(&repo, "");
    assert!(outcome.stdout().contains("github-token"), "{outcome}");
    // a file of the project leads to no other files of the machine
    let outside = repo.home("other.toml");
    std::fs::write(&outside, rule).unwrap();
    repo.write(
        ".gitleaks.toml",
        format!("[extend]\npath = '{}'\n", outside.display()),
    );
    assert_eq!(scan(&repo, "").code(), Some(3));
    assert_eq!(scan(&repo, "--rules .gitleaks.toml").code(), Some(1));
    assert_eq!(scan(&repo, "--rules none.toml").code(), Some(4));
    // the project's own rules say something: the file is not asked
    repo.write(
        ".sops-rules.toml",
        "version = 1\n[scan]\nfail_on = \"high\"\n",
    );
    found(&scan(&repo, ""), "a.txt:2:1: ");
    repo.write(".gitleaks.toml", "[[rules]]\nid = 'a'\nregex = '('\n");
    found(&scan(&repo, ""), "a.txt:2:1: ");
    run(&repo, "rm .sops-rules.toml");
    assert_eq!(scan(&repo, "").code(), Some(3));
}

/// Whoever opens a pull request can write these.
#[test]
fn what_the_project_switches_off_is_said() {
    let repo = repo();
    repo.write("a.py", format!("token = \"{}\"\n", token(1)));
    let wide = "[[scan.allow]]\nregexes = ['.']\nreason = \"all\"\n";
    for (file, text, said) in [
        (
            ".sops-rules.toml",
            "version = 1\n[scan]\ndisable = [\"github-token\", \"jwt\"]\n".to_owned(),
            "2 rules are off (github-token, jwt)",
        ),
        (
            ".sops-rules.toml",
            "version = 1\n[[scan.rules]]\nid = \"github-token\"\nregex = 'zz[q]q'\n".to_owned(),
            "1 rule is changed (github-token)",
        ),
        (
            ".sops-rules.toml",
            format!("version = 1\n{wide}"),
            "1 allowance lets everything pass",
        ),
        (
            ".gitleaks.toml",
            "[extend]\nuseDefault = true\ndisabledRules = ['github-pat']\n[[allowlists]]\npaths = ['.*']\n".to_owned(),
            "1 rule is off (github-token); 1 allowance lets everything pass",
        ),
        (".gitleaks.toml", "[[rules]]\nid = 'a'\nregex = 'zz[q]q'\n".to_owned(), " and "),
    ] {
        repo.write(file, &text);
        let outcome = scan(&repo, "");
        clean(&outcome);
        let words = format!("by this project's rules, {said}");
        let words = if said == " and " { " more)" } else { &words };
        assert!(outcome.stderr.contains(words), "{text}: {outcome}");
        let outcome = scan(&repo, "--json");
        let value: serde_json::Value = serde_json::from_str(outcome.stdout()).unwrap();
        assert_ne!(
            value["rules"],
            serde_json::json!({ "disabled": [], "changed": [], "wide_allowances": 0 })
        );
        let outcome = scan(&repo, "--format sarif");
        let value: serde_json::Value = serde_json::from_str(outcome.stdout()).unwrap();
        let properties = &value["runs"][0]["properties"];
        assert!(properties["rulesDisabled"].is_array(), "{outcome}");
        run(&repo, &format!("rm {file}"));
    }
    repo.write(
        ".sops-rules.toml",
        "version = 1\n[[scan.allow]]\npaths = [\"a.py\"]\nreason = \"invented\"\n",
    );
    let outcome = scan(&repo, "");
    clean(&outcome);
    assert!(!outcome.stderr.contains("by this project's"), "{outcome}");
}

#[test]
fn an_ignored_finding_of_another_rule_is_not_known() {
    let repo = repo();
    repo.write("a.py", format!("token = \"{}\"\n", token(1)));
    for rule in ["github-zzz", "github", "github-fine-grained-pat"] {
        repo.write(".gitleaksignore", format!("a.py:{rule}:1\n"));
        found(&scan(&repo, ""), "a.py:1:10: ");
    }
    for rule in ["github-token", "github-pat"] {
        repo.write(".gitleaksignore", format!("a.py:{rule}:1\n"));
        clean(&scan(&repo, ""));
    }
}

/// What mvx's own fixtures hold is declared in its own rules.
#[test]
fn the_repository_of_mvx_is_clean() {
    let repo = repo();
    let root = crate::support::repository().display().to_string();
    let outcome = repo.shell(&format!("mvx -C '{root}' scan"));
    clean(&outcome);
}
