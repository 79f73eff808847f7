//! The real `age`, `age-keygen`, `ssh-keygen` and files that a real sops wrote. A test that needs
//! a program is skipped with its reason where the program is not installed.

use super::*;
use crate::keys::open::{Order, unwrap_groups};
use crate::keys::prompt::NoPrompt;
use crate::keys::testing::*;
use crate::secret::DataKey;

const KEY: [u8; 32] = [7; 32];

fn keys(machine: FakeMachine) -> Arc<AgeKeys> {
    Arc::new(AgeKeys::new(Arc::new(machine), Arc::new(NoPrompt)))
}

/// The key groups of a file of sops's, read by hand: lists of recipient and wrapped key.
fn key_groups(file: &str) -> Vec<Vec<Wrapped>> {
    let mut groups: Vec<Vec<Wrapped>> = Vec::new();
    for line in file.lines() {
        let line = line.trim();
        if line.starts_with("- hc_vault") {
            groups.push(Vec::new());
        } else if let Some(recipient) = line.strip_prefix("- recipient: ") {
            groups.last_mut().unwrap().push(age_entry(recipient, ""));
        } else if let Some(entry) = groups.last_mut().and_then(|group| group.last_mut())
            && (line.starts_with("-----") || (!line.contains(": ") && !line.ends_with('|')))
        {
            entry.enc += line;
            entry.enc += "\n";
        }
    }
    groups
}

#[test]
fn two_of_three_groups_of_a_real_file_give_its_data_key() {
    let file = include_str!("../../../fixtures/sops/shamir2of3.enc.yaml");
    let groups = key_groups(file);
    assert_eq!(groups.len(), 3);
    let open = |machine| unwrap_groups(&groups, 2, &[keys(machine)], &Order::Cheapest);
    // the first key is in groups 1 and 3, the second in group 2
    let one = open(FakeMachine::default().variable("MVX_AGE_KEY", K1))
        .ok()
        .unwrap();
    let both = format!("{K1}\n{K2}");
    let two = open(FakeMachine::default().variable("MVX_AGE_KEY", &both))
        .ok()
        .unwrap();
    assert_eq!(one.recipients, [K1_RECIPIENT, K1_RECIPIENT]);
    assert_eq!(two.recipients, [K1_RECIPIENT, K2_RECIPIENT]);
    assert!(one.key == two.key);
    assert!(opens_values(&one.key, file));
    assert!(open(FakeMachine::default().variable("MVX_AGE_KEY", K2)).is_err());
}

/// Whether the key authenticates the file's value `secret` (SOPS-FORMAT 1.2 and 1.4).
fn opens_values(key: &DataKey, file: &str) -> bool {
    use aes_gcm::aead::consts::U32;
    use aes_gcm::aead::{Aead, KeyInit, Payload};
    use aes_gcm::{AesGcm, aes::Aes256};
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;

    let line = file
        .lines()
        .find(|line| line.starts_with("secret: "))
        .unwrap();
    let part = |name: &str| {
        let start = line.find(name).unwrap() + name.len();
        let text = line[start..].split([',', ']']).next().unwrap();
        BASE64_STANDARD.decode(text).unwrap()
    };
    let iv: [u8; 32] = part("iv:").try_into().unwrap();
    let ciphertext = [part("data:"), part("tag:")].concat();
    let payload = Payload {
        msg: &ciphertext,
        aad: b"secret:",
    };
    AesGcm::<Aes256, U32>::new(key.expose().into())
        .decrypt((&iv).into(), payload)
        .is_ok()
}

#[test]
fn what_age_wraps_opens_here_and_what_is_wrapped_here_age_opens() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let Some(mut keygen) = program("age-keygen") else {
        return;
    };
    output(keygen.args(["-o", &path("x25519")]), b"");
    let made = std::fs::read_to_string(path("x25519")).unwrap();
    let mut pairs = vec![(
        path("x25519"),
        made.lines().nth(1).unwrap()[14..].to_owned(),
    )];
    for kind in ["ed25519", "rsa"] {
        let Some(mut keygen) = program("ssh-keygen") else {
            continue;
        };
        let file = path(kind);
        output(
            keygen.args(["-q", "-t", kind, "-N", "", "-C", "a comment", "-f", &file]),
            b"",
        );
        let public = std::fs::read_to_string(path(&format!("{kind}.pub"))).unwrap();
        pairs.push((file, public.trim().to_owned()));
    }
    for (file, recipient) in pairs {
        let text = std::fs::read_to_string(&file).unwrap();
        let machine = FakeMachine::default()
            .variable("MVX_AGE_KEY_FILE", "/k")
            .file("/k", text);
        let provider = keys(machine);

        let theirs = output(program("age").unwrap().args(["-a", "-r", &recipient]), &KEY);
        let theirs = age_entry(&recipient, std::str::from_utf8(&theirs).unwrap());
        assert!(open_with(&[theirs], &provider).is_ok(), "{recipient}");

        let ours = provider
            .wrap(&Target::new(Kind::Age, &*recipient), &KEY)
            .unwrap()
            .enc;
        let opened = output(
            program("age").unwrap().args(["-d", "-i", &file]),
            ours.as_bytes(),
        );
        assert_eq!(opened, KEY, "{recipient}");
    }
}

#[test]
fn a_generated_key_is_one_to_age_keygen() {
    let Some(mut keygen) = program("age-keygen") else {
        return;
    };
    let generated = generate("2026-11-22T12:51:56Z");
    let public = output(keygen.arg("-y"), generated.text.as_bytes());
    assert_eq!(public, format!("{}\n", generated.recipient).into_bytes());
}

/// `script` gives age the terminal that it insists on for a passphrase.
#[test]
#[cfg(target_os = "linux")]
fn a_key_file_that_is_protected_here_opens_with_age() {
    use crate::secret::Passphrase;

    let (Some(_), Some(mut script)) = (program("age"), program("script")) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let passphrase = Passphrase::new(SESAME.into());
    let protected = protect(&K1.into(), &passphrase, 10).unwrap();
    std::fs::write(path("protected"), protected).unwrap();
    let command = format!(
        "age -d -o {} {}",
        path("opened").display(),
        path("protected").display()
    );
    let input = format!("{SESAME}\n");
    output(
        script.args(["-qec", &command, "/dev/null"]),
        input.as_bytes(),
    );
    assert_eq!(std::fs::read_to_string(path("opened")).unwrap(), K1);
}

#[test]
fn ssh_keys_that_ssh_keygen_protects_open_in_every_cipher_it_knows() {
    let directory = tempfile::tempdir().unwrap();
    for cipher in ["aes256-ctr", "aes256-cbc", "aes256-gcm@openssh.com"] {
        let Some(mut keygen) = program("ssh-keygen") else {
            return;
        };
        let file = directory.path().join(cipher);
        let arguments = [
            "-q", "-t", "ed25519", "-a", "2", "-N", SESAME, "-Z", cipher, "-f",
        ];
        output(keygen.args(arguments).arg(&file), b"");
        let public = std::fs::read_to_string(file.with_file_name(format!("{cipher}.pub"))).unwrap();
        let machine =
            FakeMachine::default().file("/home/ana/.ssh/id_ed25519", std::fs::read(&file).unwrap());
        let provider = Arc::new(AgeKeys::new(
            Arc::new(machine),
            FakePrompt::answering(SESAME),
        ));
        let enc = provider
            .wrap(&Target::new(Kind::Age, &*public), &KEY)
            .unwrap()
            .enc;
        let opened = open_with(&[age_entry(public.trim(), &enc)], &provider);
        assert!(opened.is_ok(), "{cipher}");
    }
}
