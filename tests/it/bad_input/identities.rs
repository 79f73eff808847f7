//! Keys and stanzas that ask for more work than anybody has time for.

use crate::repo::Repo;

use super::refused;

/// An `age` header with a scrypt stanza of this cost, in base64 of its own.
fn scrypt(factor: u32) -> String {
    let header = format!(
        "age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA {factor}\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    );
    let script = format!("printf '{}' | base64 -w 64", header.replace('\n', "\\n"));
    let run = std::process::Command::new("sh")
        .args(["-c", &script])
        .output()
        .unwrap();
    format!(
        "-----BEGIN AGE ENCRYPTED FILE-----\n{}-----END AGE ENCRYPTED FILE-----\n",
        String::from_utf8(run.stdout).unwrap()
    )
}

#[test]
fn a_stanza_of_gigantic_scrypt_cost() {
    let repo = Repo::new();
    let text = repo.seal("secrets/dev/app.json", "{\"a\": 1}\n");
    let good: serde_json::Value = serde_json::from_str(&text).unwrap();
    for factor in [1, 22, 30, 40, 63, 64, 255] {
        let mut bad = good.clone();
        bad["sops"]["age"] = serde_json::json!([{"recipient": "age1x", "enc": scrypt(factor)}]);
        repo.write("secrets/dev/app.enc.json", bad.to_string());
        let what = format!("scrypt {factor}");
        refused(
            &repo,
            ["decrypt", "secrets/dev/app.enc.json"],
            &what,
            &[4, 51, 128],
        );
    }
}

/// It is refused before a passphrase is asked for, or with the question; never computed.
#[test]
fn an_identity_file_of_gigantic_scrypt_cost() {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.json", "{\"a\": 1}\n");
    for factor in [30, 40, 63, 255] {
        let path = repo.home(".config/mvx/keys.txt");
        std::fs::write(&path, scrypt(factor)).unwrap();
        let what = format!("scrypt {factor}");
        refused(
            &repo,
            ["decrypt", "secrets/dev/app.enc.json"],
            &what,
            &[3, 4, 128],
        );
    }
}

#[test]
fn identity_files_that_are_none() {
    let repo = Repo::new();
    repo.seal("secrets/dev/app.json", "{\"a\": 1}\n");
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("not text", vec![0xFF; 1000]),
        ("NUL", vec![0; 1000]),
        ("a key that is none", b"AGE-SECRET-KEY-1AAAA\n".to_vec()),
        ("long", vec![b'A'; 20_000_000]),
    ] {
        std::fs::write(repo.home(".config/mvx/keys.txt"), bytes).unwrap();
        refused(
            &repo,
            ["decrypt", "secrets/dev/app.enc.json"],
            what,
            &[3, 4, 128],
        );
    }
}
