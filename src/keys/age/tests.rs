//! What the age provider does with sources, passphrases and commands.

use super::*;
use crate::keys::contract::{Case, check};
use crate::keys::machine::{CommandError, Platform};
use crate::keys::open::OpenFailure;
use crate::keys::prompt::NoPrompt;
use crate::keys::testing::*;
use crate::secret::{DataKey, Passphrase};

const STRANGER: &str = "age1yt3tfqlfrwdwx0z0ynwplcr6qxcxfaqycuprpmy89nr83ltx74tqdpszlw";
const PROTECTED_ED25519: &str = include_str!("../../../fixtures/keys/ssh_ed25519.protected");
const PROTECTED_RSA: &str = include_str!("../../../fixtures/keys/ssh_rsa.protected");
const KEYS_TXT: &str = "/home/ana/.config/mvx/keys.txt";
const KEY: [u8; 32] = [7; 32];

fn keys(machine: FakeMachine) -> Arc<AgeKeys> {
    Arc::new(AgeKeys::new(Arc::new(machine), Arc::new(NoPrompt)))
}

/// A provider whose machine and prompt can be asked afterwards what happened.
fn watched(machine: FakeMachine, prompt: &Arc<FakePrompt>) -> (Arc<AgeKeys>, Arc<FakeMachine>) {
    let machine = Arc::new(machine);
    let prompt: Arc<dyn Prompt> = Arc::clone(prompt) as _;
    (
        Arc::new(AgeKeys::new(Arc::clone(&machine) as _, prompt)),
        machine,
    )
}

/// Entries as a file sealed for these recipients has them.
fn sealed(recipients: &[&str]) -> Vec<Wrapped> {
    let nobody = keys(FakeMachine::default());
    recipients
        .iter()
        .map(|recipient| {
            nobody
                .wrap(&Target::new(Kind::Age, *recipient), &KEY)
                .unwrap()
        })
        .collect()
}

fn open(provider: &Arc<AgeKeys>, recipients: &[&str]) -> Result<Vec<String>, OpenFailure> {
    let opened = open_with(&sealed(recipients), provider)?;
    assert!(opened.key == DataKey::from_bytes(&KEY).unwrap());
    Ok(opened.recipients)
}

fn lines(failure: &OpenFailure) -> Vec<String> {
    match failure {
        OpenFailure::NoIdentity(tried) => tried.lines().map(str::to_owned).collect(),
        OpenFailure::Shares(_) => panic!("no shares here"),
    }
}

fn bech32(prefix: &str, bytes: &[u8]) -> String {
    let prefix = bech32::Hrp::parse(prefix).unwrap();
    bech32::encode_lower::<bech32_long::Bech32Long>(prefix, bytes).unwrap()
}

#[test]
fn every_kind_of_key_keeps_the_contract() {
    let ready = keys(
        FakeMachine::default()
            .variable("MVX_AGE_KEY", K1)
            .file("/home/ana/.ssh/id_ed25519", SSH_ED25519)
            .file("/home/ana/.ssh/id_rsa", SSH_RSA),
    );
    let asking = Arc::new(AgeKeys::new(
        Arc::new(
            FakeMachine::default()
                .file("/home/ana/.ssh/id_ed25519", PROTECTED_ED25519)
                .file("/home/ana/.ssh/id_rsa", PROTECTED_RSA),
        ),
        FakePrompt::answering(SESAME),
    ));
    let printing = keys(
        FakeMachine::default()
            .variable("MVX_AGE_KEY_CMD", "print")
            .script(|_| Ok(K1.into())),
    );
    for (provider, mine, effort) in [
        (&ready, K1_RECIPIENT, Effort::Plain),
        (&ready, SSH_ED25519_PUBLIC, Effort::Ssh),
        (&ready, SSH_RSA_PUBLIC, Effort::Ssh),
        (&asking, SSH_ED25519_PUBLIC, Effort::Passphrase),
        (&asking, SSH_RSA_PUBLIC, Effort::Passphrase),
        (&printing, K1_RECIPIENT, Effort::Command),
    ] {
        let strange = Target::new(Kind::Age, STRANGER);
        check(&Case {
            provider: provider.as_ref(),
            mine: Target::new(Kind::Age, mine),
            strange: provider.wrap(&strange, &KEY).unwrap(),
            knows_its_own: true,
            invalid: "age1nonsense",
            effort,
        });
    }
}

#[test]
fn a_wrapped_key_is_an_armoured_age_file_with_a_newline_at_its_end() {
    let [entry] = &sealed(&[K1_RECIPIENT])[..] else {
        panic!("one entry");
    };
    assert!(
        entry
            .enc
            .starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n")
    );
    assert!(entry.enc.ends_with("\n-----END AGE ENCRYPTED FILE-----\n"));
}

#[test]
fn every_source_is_read() {
    let both = format!("# a comment\n\n{K1}\r\n");
    let sources = [
        FakeMachine::default().variable("MVX_AGE_KEY", K1),
        FakeMachine::default().variable("SOPS_AGE_KEY", K1),
        FakeMachine::default()
            .variable("MVX_AGE_KEY_FILE", "/k")
            .file("/k", &both),
        FakeMachine::default()
            .variable("SOPS_AGE_KEY_FILE", "/k")
            .file("/k", &both),
        FakeMachine::default().file(KEYS_TXT, K1),
        FakeMachine::default().file("/home/ana/.config/sops/age/keys.txt", K1),
        FakeMachine::default()
            .variable("XDG_CONFIG_HOME", "/xdg")
            .file("/xdg/mvx/keys.txt", K1),
        FakeMachine::default()
            .variable("XDG_CONFIG_HOME", "relative")
            .file(KEYS_TXT, K1),
        FakeMachine::on(Platform::MacOs).file(
            "/home/ana/Library/Application Support/sops/age/keys.txt",
            K1,
        ),
        FakeMachine::on(Platform::MacOs)
            .file("/home/ana/Library/Application Support/mvx/keys.txt", K1),
        FakeMachine::on(Platform::Windows)
            .variable("APPDATA", "/roaming")
            .file("/roaming/mvx/keys.txt", K1),
        FakeMachine::default()
            .variable("MVX_AGE_KEY_CMD", "print")
            .script(|_| Ok(K1.into())),
        FakeMachine::default()
            .variable("SOPS_AGE_KEY_CMD", "print")
            .script(|_| Ok(K1.into())),
        // several in one line, with blanks between them, as newer versions of sops read it
        FakeMachine::default().variable(
            "SOPS_AGE_KEY",
            &format!("{} {}", secret_line(K2), secret_line(K1)),
        ),
    ];
    for (index, machine) in sources.into_iter().enumerate() {
        let opened = open(&keys(machine), &[STRANGER, K1_RECIPIENT]);
        assert_eq!(opened.unwrap(), [K1_RECIPIENT], "source {index}");
    }
    let ssh = [
        FakeMachine::default().file("/home/ana/.ssh/id_ed25519", SSH_ED25519),
        FakeMachine::default()
            .variable("SOPS_AGE_SSH_PRIVATE_KEY_FILE", "/k")
            .file("/k", SSH_ED25519),
        FakeMachine::default()
            .variable("SOPS_AGE_SSH_PRIVATE_KEY_CMD", "print")
            .script(|_| Ok(SSH_ED25519.into())),
        FakeMachine::default()
            .variable("MVX_AGE_KEY_FILE", "/k")
            .file("/k", SSH_ED25519),
    ];
    for (index, machine) in ssh.into_iter().enumerate() {
        let opened = open(&keys(machine), &[STRANGER, SSH_ED25519_PUBLIC]);
        assert_eq!(opened.unwrap(), [SSH_ED25519_PUBLIC], "SSH source {index}");
    }
}

fn secret_line(file: &str) -> &str {
    file.lines().find(|line| !line.starts_with('#')).unwrap()
}

#[test]
fn what_opens_the_file_keeps_everything_later_untouched() {
    let machine = || {
        FakeMachine::default()
            .variable("SOPS_AGE_KEY_CMD", "print")
            .script(|_| Ok(K2.into()))
            .file("/home/ana/.ssh/id_ed25519", SSH_ED25519)
            .file(
                KEYS_TXT,
                bech32("AGE-PLUGIN-MVXTEST-", b"nana").to_uppercase(),
            )
    };
    let prompt = FakePrompt::silent();

    // the variable's key opens it: no file is read, nothing is run
    let (provider, log) = watched(machine().variable("MVX_AGE_KEY", K1), &prompt);
    open(&provider, &[STRANGER, K2_RECIPIENT, K1_RECIPIENT]).unwrap();
    assert_eq!(log.log(), [""; 0]);

    // SSH keys come after key files, and before commands
    let (provider, log) = watched(machine(), &prompt);
    open(&provider, &[K2_RECIPIENT, SSH_ED25519_PUBLIC]).unwrap();
    assert_eq!(
        log.log(),
        [
            format!("read {KEYS_TXT}"),
            "read /home/ana/.config/sops/age/keys.txt".into(),
            "read /home/ana/.ssh/id_ed25519".into(),
        ]
    );

    // commands come last here, and each file is read once
    let (provider, log) = watched(machine(), &prompt);
    open(&provider, &[K2_RECIPIENT]).unwrap();
    open(&provider, &[K2_RECIPIENT]).unwrap();
    let log = log.log();
    assert_eq!(log.len(), 5, "{log:?}");
    assert_eq!(log[4], format!("run print for {K2_RECIPIENT}"));
    assert_eq!(prompt.log(), [""; 0]);
}

#[test]
fn a_key_that_the_entry_does_not_name_still_opens_it() {
    let provider = keys(FakeMachine::default().variable("MVX_AGE_KEY", K1));
    let mut entries = sealed(&[K1_RECIPIENT]);
    entries[0].recipient = STRANGER.to_owned();
    assert!(open_with(&entries, &provider).is_ok());
}

#[test]
fn a_command_is_run_once_for_a_recipient_and_not_at_all_once_its_key_is_known() {
    let machine = FakeMachine::default()
        .variable("MVX_AGE_KEY_CMD", "print --as 'one word'")
        .script(|_| Ok(K1.into()));
    let (provider, log) = watched(machine, &FakePrompt::silent());
    // the first answer brings the key to the last entry: nobody asks for the second
    open(&provider, &[STRANGER, K2_RECIPIENT, K1_RECIPIENT]).unwrap();
    let run = format!("run print --as one word for {STRANGER}");
    let runs = |log: Vec<String>| -> Vec<String> {
        log.into_iter()
            .filter(|line| line.starts_with("run"))
            .collect()
    };
    assert_eq!(runs(log.log()), [run]);
    open(&provider, &[STRANGER, K1_RECIPIENT]).unwrap();
    assert_eq!(runs(log.log()), [""; 0]);
}

#[test]
fn a_command_that_hangs_is_not_run_again() {
    let machine = FakeMachine::default()
        .variable("SOPS_AGE_KEY_CMD", "hang")
        .script(|command| {
            Err(CommandError::Timeout {
                program: command.program.to_owned(),
                seconds: command.timeout.as_secs(),
            })
        });
    let (provider, log) = watched(machine, &FakePrompt::silent());
    let failure = open(&provider, &[STRANGER, K1_RECIPIENT]).unwrap_err();
    let runs = log
        .log()
        .iter()
        .filter(|line| line.starts_with("run"))
        .count();
    assert_eq!(runs, 1);
    assert_eq!(
        lines(&failure)[1],
        "SOPS_AGE_KEY_CMD: `hang` took longer than 30 seconds and was killed"
    );
}

#[test]
fn a_protected_ssh_key_is_asked_for_only_where_the_entry_names_it() {
    let machine = || FakeMachine::default().file("/home/ana/.ssh/id_ed25519", PROTECTED_ED25519);
    let prompt = FakePrompt::answering(SESAME);
    let (provider, _) = watched(machine(), &prompt);
    assert!(open(&provider, &[STRANGER]).is_err());
    assert_eq!(prompt.log(), [""; 0]);
    open(&provider, &[STRANGER, SSH_ED25519_PUBLIC]).unwrap();
    open(&provider, &[SSH_ED25519_PUBLIC]).unwrap();
    assert_eq!(prompt.log(), ["the SSH key /home/ana/.ssh/id_ed25519"]);

    // a wrong passphrase is not asked for again
    let prompt = FakePrompt::answering("guess");
    let (provider, _) = watched(machine(), &prompt);
    assert!(open(&provider, &[SSH_ED25519_PUBLIC]).is_err());
    let failure = open(&provider, &[SSH_ED25519_PUBLIC]).unwrap_err();
    assert_eq!(prompt.log().len(), 1);
    assert_eq!(
        lines(&failure)[1],
        "ssh-ed25519 throw-away: that is not the passphrase of the SSH key /home/ana/.ssh/id_ed25519"
    );
}

#[test]
fn a_protected_identity_file_asks_once_and_only_when_nothing_else_opened() {
    let protected = protect(&K1.into(), &Passphrase::new(SESAME.into()), 2).unwrap();
    let machine = |file: &str| {
        FakeMachine::default()
            .file(KEYS_TXT, file)
            .file("/home/ana/.config/sops/age/keys.txt", K2)
    };
    let prompt = FakePrompt::answering(SESAME);
    let (provider, _) = watched(machine(&protected), &prompt);
    open(&provider, &[K1_RECIPIENT, K2_RECIPIENT]).unwrap();
    assert_eq!(prompt.log(), [""; 0]);
    open(&provider, &[STRANGER, K1_RECIPIENT]).unwrap();
    open(&provider, &[K1_RECIPIENT]).unwrap();
    assert_eq!(prompt.log(), [format!("the key file {KEYS_TXT}")]);
    let held = provider.report().held;
    assert_eq!(held[0].recipient.as_deref(), Some(K1_RECIPIENT));
    assert!(held[0].protected);

    let (provider, _) = watched(machine(&protected), &FakePrompt::silent());
    let failure = open(&provider, &[K1_RECIPIENT, STRANGER]).unwrap_err();
    assert_eq!(
        lines(&failure)[1..],
        [format!(
            "the key file {KEYS_TXT} is protected, and no passphrase was given"
        )]
    );
}

#[test]
fn nobody_is_asked_for_an_entry_that_nothing_can_open() {
    let protected = protect(&K1.into(), &Passphrase::new(SESAME.into()), 2).unwrap();
    let prompt = FakePrompt::answering(SESAME);
    let machine = FakeMachine::default()
        .file(KEYS_TXT, protected)
        .variable(
            "MVX_AGE_KEY",
            &bech32("AGE-PLUGIN-MVXTEST-", b"nana").to_uppercase(),
        )
        .variable("MVX_AGE_KEY_CMD", "print");
    let (provider, _) = watched(machine, &prompt);
    let damaged = [age_entry(
        K1_RECIPIENT,
        "-----BEGIN AGE ENCRYPTED FILE-----\n",
    )];
    let failure = open_with(&damaged, &provider).err().unwrap();
    assert_eq!(prompt.log(), [""; 0]);
    assert_eq!(
        lines(&failure)[1..],
        ["age10…wl: its wrapped key is damaged"]
    );
}

#[test]
fn an_identity_file_that_age_protected_opens() {
    // made by `age -p -a` 1.1.1, scrypt work factor 18
    let file = include_str!("../../../fixtures/keys/age.protected");
    let prompt = FakePrompt::answering(SESAME);
    let (provider, _) = watched(FakeMachine::default().file(KEYS_TXT, file), &prompt);
    open(&provider, &[K1_RECIPIENT]).unwrap();
}

#[test]
fn a_gigantic_work_factor_is_refused_before_anybody_is_asked() {
    let stanza = "-> scrypt AAAAAAAAAAAAAAAAAAAAAA 30\n\
                  AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
    let file = format!(
        "age-encryption.org/v1\n{stanza}--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n{}",
        "0".repeat(64)
    );
    let prompt = FakePrompt::answering(SESAME);
    let (provider, _) = watched(FakeMachine::default().file(KEYS_TXT, &file), &prompt);
    let failure = open(&provider, &[K1_RECIPIENT]).unwrap_err();
    assert_eq!(prompt.log(), [""; 0]);
    assert_eq!(
        lines(&failure)[1],
        format!(
            "the key file {KEYS_TXT} asks for an scrypt work factor of 30, \
             and mvx stops at 20 (1 GiB of memory)"
        )
    );
}

#[test]
fn what_is_wrong_with_a_source_is_said_when_nothing_opens_and_never_shows_the_source() {
    let broken = format!("{}X", secret_line(K1));
    let pem = include_str!("../../../fixtures/keys/ssh_rsa_pem.protected");
    let ecdsa = include_str!("../../../fixtures/keys/ssh_ecdsa");
    let cases: [(&[u8], &str); 11] = [
        (b"", "it holds no identity"),
        (b"# only a comment\n", "it holds no identity"),
        (b"\npassword\n", "line 2 is not an age identity"),
        (
            broken.as_bytes(),
            "line 1 is misspelt or cut off: its checksum does not match",
        ),
        (
            K1_RECIPIENT.as_bytes(),
            "line 1 is a public key; an identity begins with `AGE-SECRET-KEY-1` or `AGE-PLUGIN-`",
        ),
        (b"\xff\xfe", "it is not text"),
        (
            b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n",
            "it is a `EC PRIVATE KEY`, which age cannot use; it takes OpenSSH keys and age identities",
        ),
        (
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n",
            "it is an SSH key that is damaged or cut off",
        ),
        (
            pem.as_bytes(),
            "it is an SSH key in the old encrypted form; `ssh-keygen -p -f FILE` brings it into the new one",
        ),
        (
            ecdsa.as_bytes(),
            "it is an SSH key of type `ecdsa-sha2-nistp256`, which cannot decrypt; age takes ssh-ed25519 and ssh-rsa",
        ),
        (
            sealed(&[K1_RECIPIENT])[0].enc.clone().leak().as_bytes(),
            "it is encrypted, but not with a passphrase",
        ),
    ];
    for (file, expected) in cases {
        let machine = FakeMachine::default()
            .variable("MVX_AGE_KEY_FILE", "/k")
            .file("/k", file)
            .variable("SOPS_AGE_KEY", K2);
        let provider = keys(machine);
        // it does no harm where another source opens the file
        open(&provider, &[K2_RECIPIENT]).unwrap();
        let failure = open(&provider, &[K1_RECIPIENT]).unwrap_err();
        assert_eq!(
            lines(&failure)[1..],
            [format!("MVX_AGE_KEY_FILE (/k): {expected}")]
        );
    }
}

#[test]
fn a_broken_line_does_not_take_the_good_ones_with_it() {
    let file = format!("nonsense\n{}\n", secret_line(K1));
    let provider = keys(FakeMachine::default().file(KEYS_TXT, file));
    open(&provider, &[K1_RECIPIENT]).unwrap();
}

#[test]
fn a_named_file_must_be_there_and_a_usual_one_need_not() {
    let provider = keys(FakeMachine::default().variable("SOPS_AGE_KEY_FILE", "/gone"));
    let failure = open(&provider, &[K1_RECIPIENT]).unwrap_err();
    assert_eq!(
        lines(&failure)[1..],
        ["SOPS_AGE_KEY_FILE (/gone): there is no such file"]
    );
}

#[test]
fn a_key_file_that_others_can_read_is_noted() {
    let provider = keys(FakeMachine::default().shared_file(KEYS_TXT, K1));
    open(&provider, &[K1_RECIPIENT]).unwrap();
    assert_eq!(
        provider.report().notes,
        [format!(
            "other users can read the key file {KEYS_TXT}: `chmod 600 {KEYS_TXT}` keeps them out"
        )]
    );
}

#[test]
fn the_list_shows_source_kind_and_public_key_and_asks_nobody() {
    let prompt = FakePrompt::answering(SESAME);
    let public = bech32("age1mvxtest", b"nana");
    let secret = bech32("AGE-PLUGIN-MVXTEST-", b"nana").to_uppercase();
    let machine = FakeMachine::default()
        .variable("MVX_AGE_KEY", K1)
        .variable("MVX_AGE_KEY_FILE", KEYS_TXT)
        .variable("SOPS_AGE_KEY_CMD", "print")
        .file(KEYS_TXT, format!("#   Recipient: {public}\n{secret}\n{K2}"))
        .file("/home/ana/.ssh/id_ed25519", PROTECTED_ED25519)
        .file("/home/ana/.ssh/id_rsa", SSH_RSA);
    let (provider, log) = watched(machine, &prompt);
    let report = provider.list();
    assert!(log.log().iter().all(|line| !line.starts_with("run")));
    assert_eq!(prompt.log(), [""; 0]);
    let table: Vec<_> = report
        .held
        .iter()
        .map(|held| {
            (
                held.source.as_str(),
                held.kind.as_str(),
                held.recipient.as_deref().map(crate::keys::short),
                held.protected,
            )
        })
        .collect();
    let file = format!("MVX_AGE_KEY_FILE ({KEYS_TXT})");
    let short = |text: &str| Some(text.to_owned());
    assert_eq!(
        table,
        [
            ("MVX_AGE_KEY", "X25519", short("age10…wl"), false),
            (
                &file,
                "plugin mvxtest",
                short(&crate::keys::short(&public)),
                false
            ),
            (&file, "X25519", short("age14…g5"), false),
            ("SOPS_AGE_KEY_CMD", "command", None, false),
            (
                "/home/ana/.ssh/id_ed25519",
                "ssh-ed25519",
                short(&ssh_short(PROTECTED_PUBLIC)),
                true
            ),
            (
                "/home/ana/.ssh/id_rsa",
                "ssh-rsa",
                short(&ssh_short(SSH_RSA_PUBLIC)),
                false
            ),
        ]
    );
}

/// The protected key is the same as the other, so that both have one public side.
const PROTECTED_PUBLIC: &str = SSH_ED25519_PUBLIC;

fn ssh_short(public: &str) -> String {
    crate::keys::short(public.trim().strip_suffix(" throw-away").unwrap())
}

#[test]
fn a_generated_key_opens_what_is_wrapped_for_it_and_reads_like_age_keygens() {
    let generated = generate("2026-11-22T12:51:56Z");
    let text = generated.text.as_str().unwrap().to_owned();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "# created: 2026-11-22T12:51:56Z");
    assert_eq!(lines[1], format!("# public key: {}", generated.recipient));
    assert!(lines[2].starts_with("AGE-SECRET-KEY-1"));
    assert_eq!((lines.len(), text.ends_with('\n')), (3, true));
    let provider = keys(FakeMachine::default().file(KEYS_TXT, &text));
    open(&provider, &[&generated.recipient]).unwrap();
    assert_eq!(
        default_key_file(&FakeMachine::default()).unwrap(),
        std::path::Path::new(KEYS_TXT)
    );
}

#[test]
fn a_native_post_quantum_identity_goes_to_its_plugin() {
    let native = bech32("AGE-SECRET-KEY-PQ-", &[9; 32]).to_uppercase();
    let provider = keys(FakeMachine::default().file(KEYS_TXT, &native));
    let held = provider.list().held;
    assert_eq!(held[0].kind, "post-quantum");
    // no plugin of this name is installed where the tests run
    let failure = open(&provider, &[K1_RECIPIENT]).unwrap_err();
    assert_eq!(
        lines(&failure)[1..],
        ["it takes the age plugin `age-plugin-pq`, which is not installed"]
    );
}

#[test]
fn a_key_that_is_damaged_or_lies_is_a_failure_and_not_somebody_elses() {
    let provider = keys(FakeMachine::default().variable("MVX_AGE_KEY", K1));
    let mut lying = sealed(&[STRANGER]);
    lying[0].recipient = K1_RECIPIENT.to_owned();
    let failure = open_with(&lying, &provider).err().unwrap();
    assert_eq!(
        lines(&failure)[1..],
        ["age10…wl: it names your key, but your key does not open it"]
    );
    let nonsense = [age_entry(K1_RECIPIENT, "nonsense")];
    let failure = open_with(&nonsense, &provider).err().unwrap();
    assert_eq!(
        lines(&failure)[1..],
        ["age10…wl: its wrapped key is not an age file"]
    );
}
