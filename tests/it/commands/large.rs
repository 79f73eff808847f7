//! Binary files that are too large to be held in memory: `mvx encrypt` and `mvx decrypt` do with
//! them what they do with small ones.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::repo::Repo;
use crate::support::Outcome;

/// Larger than what is held in memory, in bytes.
const LARGE: usize = (1 << 20) + 4097;

/// Neither text nor anything that repeats.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()
    };
    let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| next()).collect();
    bytes.truncate(length);
    bytes
}

/// A repository with a large plaintext in it, which git ignores.
fn repo(plain: &[u8]) -> Repo {
    let repo = Repo::new();
    repo.write(".gitignore", "*.bin\n!*.enc.bin\n");
    repo.write("secrets/dev/blob.bin", plain);
    repo
}

fn bytes(repo: &Repo, name: &str) -> Vec<u8> {
    fs::read(repo.sandbox.path(name)).unwrap()
}

fn names(repo: &Repo) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(repo.sandbox.path("secrets/dev"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn failed(outcome: &Outcome, code: i32, message: &str) {
    assert_eq!(outcome.code(), Some(code), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(message), "{}", outcome.stderr);
    assert!(outcome.stdout.is_empty());
}

#[test]
fn everything_works_as_with_small_files() {
    let plain = noise(LARGE);
    let repo = repo(&plain);
    insta::assert_snapshot!(repo.session("
        mvx encrypt secrets/dev/blob.bin
        head -c 32 secrets/dev/blob.enc.bin
        mvx encrypt secrets/dev/blob.bin
        mvx encrypt -q --overwrite secrets/dev/blob.bin
        mvx encrypt -i secrets/dev/blob.enc.bin
        mvx decrypt secrets/dev/blob.enc.bin | cmp - secrets/dev/blob.bin
        mvx decrypt --json secrets/dev/blob.enc.bin
        mvx decrypt -o secrets/dev/again.bin secrets/dev/blob.enc.bin
        cmp secrets/dev/again.bin secrets/dev/blob.bin
        mvx decrypt -o secrets/dev/again.bin secrets/dev/blob.enc.bin
        mvx decrypt -q --overwrite -o secrets/dev/again.bin secrets/dev/blob.enc.bin
        mvx decrypt -o exposed secrets/dev/blob.enc.bin
        mvx decrypt secrets/dev/blob.enc.bin | head -c 0
        mvx decrypt - --filename blob.bin < secrets/dev/blob.enc.bin | cmp - secrets/dev/blob.bin
        mvx encrypt - --filename secrets/dev/blob.bin < secrets/dev/blob.bin | mvx decrypt - --filename blob.bin | cmp - secrets/dev/blob.bin
        mvx seal show secrets/dev/blob.enc.bin
        mvx encrypt --json --overwrite --rm secrets/dev/blob.bin
        ls secrets/dev
        mvx decrypt -i --allow-unignored secrets/dev/blob.enc.bin
        cmp secrets/dev/again.bin secrets/dev/blob.enc.bin
        mvx encrypt -i secrets/dev/blob.enc.bin
        mvx decrypt secrets/dev/blob.enc.bin | cmp - secrets/dev/again.bin
    "), @r###"
    $ mvx encrypt secrets/dev/blob.bin
    mvx: secrets/dev/blob.enc.bin: 1 value encrypted, for ana, bob
    mvx: secrets/dev/blob.bin: the plaintext is still there
    $ head -c 32 secrets/dev/blob.enc.bin
    {
    	"data": "ENC[AES256_GCM,data:⏎
    $ mvx encrypt secrets/dev/blob.bin
    mvx: error: secrets/dev/blob.enc.bin: exists already; it was left alone
    mvx: hint: `mvx edit secrets/dev/blob.enc.bin` and `mvx set secrets/dev/blob.enc.bin KEY` change it
    mvx: hint: `--overwrite` replaces it
    [4]
    $ mvx encrypt -q --overwrite secrets/dev/blob.bin
    $ mvx encrypt -i secrets/dev/blob.enc.bin
    mvx: error: secrets/dev/blob.enc.bin: it is encrypted already
    mvx: hint: `mvx edit secrets/dev/blob.enc.bin` and `mvx set secrets/dev/blob.enc.bin KEY` change it; `mvx decrypt secrets/dev/blob.enc.bin` opens it
    [203]
    $ mvx decrypt secrets/dev/blob.enc.bin | cmp - secrets/dev/blob.bin
    $ mvx decrypt --json secrets/dev/blob.enc.bin
    {"code":"not-text","exit":4,"message":"the plaintext is not UTF-8 text, and JSON holds text only","place":"secrets/dev/blob.enc.bin","causes":[],"hints":["leave `--json` out, or write it to a file with `-o`"]}
    [4]
    $ mvx decrypt -o secrets/dev/again.bin secrets/dev/blob.enc.bin
    mvx: secrets/dev/again.bin: decrypted; it holds plaintext
    $ cmp secrets/dev/again.bin secrets/dev/blob.bin
    $ mvx decrypt -o secrets/dev/again.bin secrets/dev/blob.enc.bin
    mvx: error: secrets/dev/again.bin: exists already; it was left alone
    mvx: hint: `--overwrite` replaces it
    [4]
    $ mvx decrypt -q --overwrite -o secrets/dev/again.bin secrets/dev/blob.enc.bin
    $ mvx decrypt -o exposed secrets/dev/blob.enc.bin
    mvx: error: exposed: git does not ignore this file; plaintext in it would be committed sooner or later
    mvx: hint: have git ignore it: `echo /exposed >> .gitignore`
    mvx: hint: or write it all the same with `--allow-unignored`
    [4]
    $ mvx decrypt secrets/dev/blob.enc.bin | head -c 0
    $ mvx decrypt - --filename blob.bin < secrets/dev/blob.enc.bin | cmp - secrets/dev/blob.bin
    $ mvx encrypt - --filename secrets/dev/blob.bin < secrets/dev/blob.bin | mvx decrypt - --filename blob.bin | cmp - secrets/dev/blob.bin
    $ mvx seal show secrets/dev/blob.enc.bin
    secrets/dev/blob.enc.bin: the seal is valid
    $ mvx encrypt --json --overwrite --rm secrets/dev/blob.bin
    {"encrypted":[{"file":"secrets/dev/blob.bin","written":"secrets/dev/blob.enc.bin","encrypted_text":null,"values_encrypted":1,"values_in_clear":0,"recipients":["ana","bob"],"plaintext_removed":true}]}
    $ ls secrets/dev
    again.bin
    blob.enc.bin
    $ mvx decrypt -i --allow-unignored secrets/dev/blob.enc.bin
    mvx: secrets/dev/blob.enc.bin: decrypted; `mvx encrypt -i secrets/dev/blob.enc.bin` encrypts it again
    $ cmp secrets/dev/again.bin secrets/dev/blob.enc.bin
    $ mvx encrypt -i secrets/dev/blob.enc.bin
    mvx: secrets/dev/blob.enc.bin: 1 value encrypted, for ana, bob
    $ mvx decrypt secrets/dev/blob.enc.bin | cmp - secrets/dev/again.bin
    "###);
    let private = fs::metadata(repo.sandbox.path("secrets/dev/again.bin")).unwrap();
    assert_eq!(private.permissions().mode() & 0o777, 0o600);
    assert_eq!(private.len(), plain.len() as u64);
}

#[test]
fn a_changed_file_gives_out_nothing() {
    let repo = repo(&noise(LARGE));
    let outcome = repo
        .mvx(["encrypt", "-q", "--rm", "secrets/dev/blob.bin"])
        .outcome();
    assert_eq!(outcome.code(), Some(0), "{}", outcome.stderr);
    let good = bytes(&repo, "secrets/dev/blob.enc.bin");
    let end = good.windows(4).position(|four| four == b",iv:").unwrap();
    let mac = String::from_utf8_lossy(&good[end..])
        .find("\"mac\"")
        .unwrap()
        + end
        + 40;
    let planted = String::from_utf8_lossy(&good[end..]).find("age1").unwrap() + end + 10;
    for (what, place, code, message) in [
        (
            "the value",
            600_000,
            25,
            "data: the value does not authenticate",
        ),
        (
            "its IV",
            end + 10,
            25,
            "data: the value does not authenticate",
        ),
        ("the MAC", mac, 51, "the MAC does not match"),
        ("a recipient", planted, 51, "the seal is broken"),
    ] {
        let mut bad = good.clone();
        bad[place] = if bad[place] == b'a' { b'c' } else { b'a' };
        repo.write("secrets/dev/blob.enc.bin", &bad);
        for arguments in [
            &["decrypt", "secrets/dev/blob.enc.bin"][..],
            &[
                "decrypt",
                "-o",
                "secrets/dev/out.bin",
                "secrets/dev/blob.enc.bin",
            ],
            &[
                "decrypt",
                "-i",
                "--allow-unignored",
                "secrets/dev/blob.enc.bin",
            ],
        ] {
            let outcome = repo.mvx(arguments).outcome();
            assert_eq!(outcome.code(), Some(code), "{what}: {}", outcome.stderr);
            assert!(
                outcome.stderr.contains(message),
                "{what}: {}",
                outcome.stderr
            );
            assert!(outcome.stdout.is_empty(), "{what}");
            assert_eq!(names(&repo), ["blob.enc.bin"], "{what}");
        }
        assert!(bytes(&repo, "secrets/dev/blob.enc.bin") == bad, "{what}");
    }
    for bad in [good[..good.len() - 2].to_vec(), good[..700_000].to_vec()] {
        repo.write("secrets/dev/blob.enc.bin", &bad);
        let outcome = repo.mvx(["decrypt", "secrets/dev/blob.enc.bin"]).outcome();
        failed(&outcome, 4, "it is not encrypted: it has no `sops` block");
    }
}

#[test]
fn files_that_begin_like_sealed_ones_are_encrypted_all_the_same() {
    let mut plain = b"{\"data\": \"ENC[AES256_GCM,data:".to_vec();
    plain.resize(LARGE, b'A');
    let repo = repo(&plain);
    for word in [&b""[..], b",iv:\"sops\""] {
        plain.extend_from_slice(word);
        repo.write("secrets/dev/blob.bin", &plain);
        repo.session("mvx encrypt -q --overwrite secrets/dev/blob.bin");
        let opened = repo.mvx(["decrypt", "secrets/dev/blob.enc.bin"]).outcome();
        assert!(opened.stdout == plain);
    }
}

#[test]
fn a_file_that_lost_its_seal_is_compared_with_git() {
    let plain = noise(LARGE);
    let repo = repo(&plain);
    repo.session("mvx encrypt -q --rm secrets/dev/blob.bin");
    let sealed = repo.read("secrets/dev/blob.enc.bin");
    let without = crate::support::without_seal(&sealed);
    repo.write("secrets/dev/blob.enc.bin", &without);
    let outcome = repo.mvx(["decrypt", "secrets/dev/blob.enc.bin"]).outcome();
    assert_eq!(
        (outcome.code(), outcome.stderr.as_str()),
        (Some(0), ""),
        "git knows no other"
    );
    assert!(outcome.stdout == plain);

    repo.write("secrets/dev/blob.enc.bin", &sealed);
    repo.commit();
    repo.write("secrets/dev/blob.enc.bin", &without);
    let outcome = repo.mvx(["decrypt", "secrets/dev/blob.enc.bin"]).outcome();
    assert!(
        outcome.stderr.contains("was changed without mvx since"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stdout == plain);
    let planted = without.replacen(
        "\"lastmodified\"",
        "\"pgp\": [{\"fp\": \"EVIL\", \"enc\": \"x\"}],\n\t\t\"lastmodified\"",
        1,
    );
    repo.write("secrets/dev/blob.enc.bin", planted);
    let outcome = repo.mvx(["decrypt", "secrets/dev/blob.enc.bin"]).outcome();
    failed(&outcome, 51, "it lost its seal");
}

/// A limit on what a process writes is what a full disk looks like to it.
#[test]
fn a_full_disk_leaves_the_old_file() {
    let repo = repo(&noise(LARGE));
    repo.write("secrets/dev/blob.enc.bin", "old");
    let outcome = repo
        .shell("trap '' XFSZ; ulimit -f 1000; mvx encrypt --overwrite --keep secrets/dev/blob.bin");
    failed(&outcome, 4, "secrets/dev/blob.enc.bin: cannot be written");
    assert_eq!(repo.read("secrets/dev/blob.enc.bin"), "old");
    assert_eq!(names(&repo), ["blob.bin", "blob.enc.bin"]);
}

#[test]
fn a_signal_leaves_the_old_file_and_nothing_else() {
    let repo = repo(&noise(4 * LARGE));
    repo.session("mvx encrypt -q --keep secrets/dev/blob.bin");
    let ends = [
        (&["encrypt", "-i", "secrets/dev/blob.bin"][..], "INT"),
        (
            &["encrypt", "--overwrite", "--keep", "secrets/dev/blob.bin"],
            "TERM",
        ),
        (
            &[
                "decrypt",
                "-o",
                "secrets/dev/out.bin",
                "secrets/dev/blob.enc.bin",
            ],
            "INT",
        ),
        (
            &[
                "decrypt",
                "-i",
                "--allow-unignored",
                "secrets/dev/blob.enc.bin",
            ],
            "TERM",
        ),
    ];
    for (arguments, signal) in ends {
        let before: Vec<u64> = names(&repo).iter().map(|name| inode(&repo, name)).collect();
        let mut child = repo.mvx(arguments).start();
        let start = Instant::now();
        while temporary(&repo).is_none_or(|draft| fs::metadata(draft).map_or(0, |m| m.len()) == 0) {
            assert!(start.elapsed() < Duration::from_mins(1), "{arguments:?}");
            assert_eq!(child.try_wait().unwrap(), None, "{arguments:?}");
            thread::sleep(Duration::from_millis(2));
        }
        let status = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
        assert!(!child.wait().unwrap().success(), "{arguments:?}");
        let after: Vec<u64> = names(&repo).iter().map(|name| inode(&repo, name)).collect();
        assert_eq!(names(&repo), ["blob.bin", "blob.enc.bin"], "{arguments:?}");
        assert_eq!(before, after, "{arguments:?}");
    }
}

fn inode(repo: &Repo, name: &str) -> u64 {
    let path = repo.sandbox.path("secrets/dev").join(name);
    fs::metadata(path).unwrap().ino()
}

fn temporary(repo: &Repo) -> Option<PathBuf> {
    let name = names(repo)
        .into_iter()
        .find(|name| name.starts_with(".mvx-"))?;
    Some(repo.sandbox.path("secrets/dev").join(name))
}

/// Data of at most 24 MiB, libraries and stacks included, for a file of 12: what holds it whole takes
/// three times as much, at least.
#[test]
#[cfg(target_os = "linux")]
fn memory_is_bounded() {
    let plain = noise(12 << 20);
    let repo = repo(&plain);
    let limited = |command: &str| {
        let outcome = repo.shell(&format!("ulimit -d 24576; {command}"));
        assert_eq!(outcome.code(), Some(0), "{command}: {}", outcome.stderr);
    };
    limited("mvx encrypt -q secrets/dev/blob.bin");
    limited("mvx decrypt secrets/dev/blob.enc.bin | cmp - secrets/dev/blob.bin");
    limited("mvx decrypt -q -o secrets/dev/out.bin secrets/dev/blob.enc.bin");
    assert!(bytes(&repo, "secrets/dev/out.bin") == plain);
}
