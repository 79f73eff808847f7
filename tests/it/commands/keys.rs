//! `mvx keys`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::repo::{Repo, fixture};
use crate::support::Step::{Await, Type};

/// Columns are as wide as a path, and paths differ between machines.
fn squeezed(text: &str) -> String {
    let blanks = regex::Regex::new(" {3,}").unwrap();
    blanks.replace_all(text, "  ").into_owned()
}

#[test]
fn a_first_key_is_made_and_shown() {
    let repo = Repo::bare();
    repo.hold_nothing();
    let made = repo.mvx(["keys", "generate"]).outcome();
    assert_eq!(made.code(), Some(0), "{made}");
    let public = made.stdout().trim().to_owned();
    assert!(public.starts_with("age1") && public.len() == 62, "{made}");
    let path = repo.home(".config/mvx/keys.txt");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.contains(&format!("# public key: {public}\n")),
        "{text}"
    );
    assert!(!made.to_string().contains("SECRET"), "{made}");
    let session = repo.session(
        "
        mvx keys generate
        mvx keys list
        mvx keys public
        mvx keys public --json
        mvx keys list --json
    ",
    );
    let session = squeezed(&session.replace(&public, "[NEW]"));
    insta::assert_snapshot!(session, @r###"
    $ mvx keys generate
    mvx: error: [SANDBOX]/home/.config/mvx/keys.txt: a key file is there already; it was left alone
    mvx: hint: `mvx keys public` shows the public keys of this machine
    mvx: hint: `mvx keys generate -o OTHER.txt` makes another one
    [4]
    $ mvx keys list
    SOURCE  KIND  PUBLIC KEY
    [SANDBOX]/home/.config/mvx/keys.txt  X25519  [NEW]
    $ mvx keys public
    [NEW]
    $ mvx keys public --json
    {"public_keys":["[NEW]"]}
    $ mvx keys list --json
    {"keys":[{"source":"[SANDBOX]/home/.config/mvx/keys.txt","kind":"X25519","public_key":"[NEW]","protected":false}]}
    "###);
}

#[test]
fn keys_from_everywhere_are_listed() {
    let repo = Repo::bare();
    let copied = |from: &str, to: &str| {
        let path = repo.home(to);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(fixture(from), &path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    copied("keys/ssh_ed25519", ".ssh/id_ed25519");
    copied("keys/ssh_ed25519.pub", ".ssh/id_ed25519.pub");
    copied("sops/k1.txt", "bob.txt");
    copied("keys/age.protected", "protected.txt");
    let session = repo.session(
        "
        MVX_AGE_KEY_FILE=~/bob.txt mvx keys list
        MVX_AGE_KEY_FILE=~/protected.txt mvx keys list
        MVX_AGE_KEY=garbage mvx keys list
    ",
    );
    let session = squeezed(&session);
    insta::assert_snapshot!(session, @r###"
    $ MVX_AGE_KEY_FILE=~/bob.txt mvx keys list
    SOURCE  KIND  PUBLIC KEY
    MVX_AGE_KEY_FILE ([SANDBOX]/home/bob.txt)  X25519  [BOB]
    [SANDBOX]/home/.config/mvx/keys.txt  X25519  [ANA]
    [SANDBOX]/home/.ssh/id_ed25519  ssh-ed25519  ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKX/x1RK3Z0F4Dik/mvZiFYcouE2zK/myCBWe8uG4b38
    $ MVX_AGE_KEY_FILE=~/protected.txt mvx keys list
    SOURCE  KIND  PUBLIC KEY
    MVX_AGE_KEY_FILE ([SANDBOX]/home/protected.txt)  passphrase-protected file  known once it is unlocked
    [SANDBOX]/home/.config/mvx/keys.txt  X25519  [ANA]
    [SANDBOX]/home/.ssh/id_ed25519  ssh-ed25519  ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKX/x1RK3Z0F4Dik/mvZiFYcouE2zK/myCBWe8uG4b38
    $ MVX_AGE_KEY=garbage mvx keys list
    SOURCE  KIND  PUBLIC KEY
    [SANDBOX]/home/.config/mvx/keys.txt  X25519  [ANA]
    [SANDBOX]/home/.ssh/id_ed25519  ssh-ed25519  ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKX/x1RK3Z0F4Dik/mvZiFYcouE2zK/myCBWe8uG4b38
    mvx: warning: MVX_AGE_KEY: line 1 is not an age identity
    "###);
}

#[test]
fn a_machine_without_keys_says_how_to_get_one() {
    let repo = Repo::outside_git();
    repo.hold_nothing();
    insta::assert_snapshot!(repo.session("
        mvx keys list
        mvx keys public
        mvx keys public --json
        mvx keys
        mvx keys make
    "), @r###"
    $ mvx keys list
    mvx: error: this machine holds no identity
    mvx: hint: `mvx keys generate` makes one
    mvx: hint: `mvx help environment` lists where mvx looks for keys
    [1]
    $ mvx keys public
    mvx: error: this machine holds no identity
    mvx: hint: `mvx keys generate` makes one
    mvx: hint: `mvx help environment` lists where mvx looks for keys
    [1]
    $ mvx keys public --json
    {"public_keys":[]}
    {"code":"no-identity","exit":1,"message":"this machine holds no identity","place":null,"causes":[],"hints":["`mvx keys generate` makes one","`mvx help environment` lists where mvx looks for keys"]}
    [1]
    $ mvx keys
    Make, list and show this machine's identities, which open files

    Usage: mvx keys [OPTIONS] <COMMAND>

    Commands:
      generate  Make an age identity
      list      List the identities that this machine holds, and where they come from
      public    Print the public keys of this machine's identities
      recovery  Make a recovery key and print it, to be kept on paper
      rotate    Replace your identity by a new one, in the rules and in every file

    Options:
      -h, --help  Print help (see more with '--help')

    Options of every command:
          --json          Print the answer as one JSON object, and a failure as one on standard error
      -q, --quiet         Print no notes and no progress
      -v, --verbose...    Say more about what is done; twice for still more
          --color <WHEN>  When to use colour [default: auto] [possible values: auto, always, never]
      -C <DIR>            Run as if started in DIR

    Examples:
      mvx keys generate
      mvx keys public
      mvx keys list
      mvx keys rotate
      mvx keys recovery | lpr
    [2]
    $ mvx keys make
    mvx: error: there is no command `make`
    mvx: hint: `mvx keys --help` shows what it takes
    [2]
    "###);
}

#[test]
fn a_private_key_does_not_go_where_git_takes_it() {
    let repo = Repo::new();
    insta::assert_snapshot!(repo.session("
        mvx keys generate -o key.txt
        ls key.txt
        echo /key.txt >> .gitignore; mvx keys generate -o key.txt | wc -l
        mvx keys generate -o key.txt
        mvx keys generate -o ../home/none/other.txt | wc -l
        mvx keys generate --json -o ../home/json.txt | tr -d a-z0-9
    "), @r###"
    $ mvx keys generate -o key.txt
    mvx: error: key.txt: git does not ignore this file; a private key in it would be committed sooner or later
    mvx: hint: have git ignore it: `echo /key.txt >> .gitignore`
    mvx: hint: or name a file outside of the repository: `mvx keys generate -o ~/KEY.txt`
    [4]
    $ ls key.txt
    ls: cannot access 'key.txt': No such file or directory
    [2]
    $ echo /key.txt >> .gitignore; mvx keys generate -o key.txt | wc -l
    1
    mvx: key.txt: a new identity; keep it to yourself, and give its public key to whoever keeps the rules
    $ mvx keys generate -o key.txt
    mvx: error: key.txt: a key file is there already; it was left alone
    mvx: hint: `mvx keys public` shows the public keys of this machine
    mvx: hint: `mvx keys generate -o OTHER.txt` makes another one
    [4]
    $ mvx keys generate -o ../home/none/other.txt | wc -l
    1
    mvx: ../home/none/other.txt: a new identity; keep it to yourself, and give its public key to whoever keeps the rules
    $ mvx keys generate --json -o ../home/json.txt | tr -d a-z0-9
    {"":"..//.","_":""}
    "###);
}

#[test]
fn a_key_behind_a_passphrase() {
    let repo = Repo::bare();
    repo.hold_nothing();
    let generate = || repo.mvx(["keys", "generate", "--passphrase"]);
    let session = generate().on_terminal(&[
        Await("Passphrase for the new key: "),
        Type("open sesame\r"),
        Await("The same again: "),
        Type("open sesam\r"),
        Await("the two passphrases differ"),
    ]);
    assert_eq!(session.status, 2, "{session:?}");
    let session = generate().on_terminal(&[
        Await("Passphrase for the new key: "),
        Type("short\r"),
        Await("8 characters at least"),
    ]);
    assert_eq!(session.status, 2, "{session:?}");
    let session = generate().on_terminal(&[Await("Passphrase"), Type("\u{3}")]);
    assert_eq!(session.status, -2, "{session:?}");
    assert!(!repo.home(".config/mvx/keys.txt").exists());
    let session = generate().on_terminal(&[
        Await("Passphrase for the new key: "),
        Type("open sesame\r"),
        Await("The same again: "),
        Type("open sesame\r"),
        Await("a new identity"),
    ]);
    assert_eq!(session.status, 0, "{session:?}");
    assert!(!session.screen.contains("sesame"), "{session:?}");
    let text = fs::read_to_string(repo.home(".config/mvx/keys.txt")).unwrap();
    assert!(
        text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"),
        "{text}"
    );
    let run = generate().in_a_session_of_its_own();
    let outcome = run.outcome();
    assert_eq!(outcome.code(), Some(4), "{outcome}");
}

#[test]
fn a_key_file_that_others_can_read_is_noted() {
    let repo = Repo::new();
    let path = repo.home(".config/mvx/keys.txt");
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    repo.write("secrets/dev/a.yaml", "a: 1\n");
    repo.write("secrets/dev/b.yaml", "b: 1\n");
    insta::assert_snapshot!(repo.session("
        mvx encrypt -q --rm secrets/dev/a.yaml secrets/dev/b.yaml
        mvx decrypt secrets/dev/a.enc.yaml secrets/dev/b.enc.yaml
    "), @r###"
    $ mvx encrypt -q --rm secrets/dev/a.yaml secrets/dev/b.yaml
    $ mvx decrypt secrets/dev/a.enc.yaml secrets/dev/b.enc.yaml
    a: 1
    b: 1
    mvx: other users can read the key file [SANDBOX]/home/.config/mvx/keys.txt: `chmod 600 [SANDBOX]/home/.config/mvx/keys.txt` keeps them out
    "###);
}
