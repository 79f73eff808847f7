//! Commands that fail over seeded files, and say why without what is in them.

use std::fs;

use crate::repo::{CAROL, fixture};

use super::Hunt;
use super::Reveals::{Nothing, Stdout};

#[test]
fn commands_that_fail_on_their_way() {
    let hunt = Hunt::new();
    let sealed = hunt.seal("app.yaml");
    hunt.repo.commit();
    hunt.seal("other.json");
    hunt.plain("secrets/dev/app.yaml", &hunt.text_of("app.yaml"));
    let commands = [
        "set FILE KEY < new",
        "set --many FILE < new.env",
        "unset FILE KEY",
        "mv FILE KEY KEY2",
        "rekey --yes",
        "rekey --yes FILE",
        "recipients sync --yes",
        "recipients remove bob --yes",
        "recipients add carol CAROL --group team --yes",
        "import new.env --to FILE",
        "import new.env --to secrets/dev/made.enc.env",
        "encrypt --overwrite secrets/dev/app.yaml",
        "repair FILE",
        "repair --take FILE",
        "repair --restore FILE",
        "seal accept --yes FILE",
        "clean --yes secrets",
        "keys rotate --yes",
        "edit FILE",
        "doctor FILE",
    ];
    let root = hunt.repo.sandbox.path("");
    let text = hunt.repo.read(&sealed);
    for trouble in [
        "no room",
        "somebody else's",
        "no file",
        "cut off",
        "no rules",
    ] {
        match trouble {
            "somebody else's" => hunt.repo.hold("sops/k2.txt"),
            "no file" => fs::remove_file(root.join(&sealed)).unwrap(),
            "cut off" => drop(hunt.repo.write(&sealed, &text[..text.len() / 2])),
            "no rules" => drop(hunt.repo.write(".sops-rules.toml", "version = 9\n")),
            _ => {}
        }
        for command in commands {
            let line = command.replace("FILE", &sealed).replace("CAROL", CAROL);
            // Files may have one block.
            let limit = if trouble == "no room" {
                "ulimit -f 1; "
            } else {
                ""
            };
            for json in ["", "--json "] {
                let line = format!("{limit}EDITOR=~/editor.sh mvx {json}{line}");
                hunt.run(&line, Nothing);
            }
        }
        if trouble != "no room" {
            continue;
        }
        assert_eq!(hunt.repo.read(&sealed), text, "there was room after all");
    }
}

#[test]
fn texts_that_cannot_be_read() {
    let hunt = Hunt::new();
    let broken = [
        ("a.yaml", "KEY: \"CANARY\n"),
        ("b.yaml", "KEY: CANARY: CANARY\n"),
        ("c.yaml", "KEY: [CANARY, CANARY\n"),
        ("d.yaml", "a:\n\t- CANARY\n"),
        ("e.yaml", "KEY: \"CANARY \\q\"\n"),
        ("f.yaml", "CANARY\n"),
        ("g.yaml", "? [CANARY]\n: x\n"),
        ("h.yaml", "KEY: &CANARY x\nb: *CANARY-\n"),
        ("i.yaml", "KEY: !!int CANARY\n"),
        ("j.yaml", "KEY: CANARY\nsops: CANARY\n"),
        ("k.yaml", "KEY: CANARY\n  CANARY: CANARY\n CANARY\n"),
        ("a.json", "{\"KEY\": \"CANARY}\n"),
        ("b.json", "{\"KEY\": CANARY}\n"),
        ("c.json", "{\"KEY\": \"CANARY\" \"CANARY\"}\n"),
        ("d.json", "{\"KEY\": \"CANARY\"} CANARY\n"),
        ("e.json", "{\"KEY\": \"CANARY\\q\"}\n"),
        ("f.json", "[\"CANARY\"]\n"),
        ("a.env", "KEY=x\nCANARY\n"),
        ("b.env", "export KEY CANARY\n"),
        ("c.env", "sops_mac=CANARY\n"),
        ("a.ini", "[s]\nCANARY\n"),
        ("b.ini", "[CANARY\nKEY = x\n"),
        ("c.ini", "KEY = \"\"\"CANARY\n"),
    ];
    for (name, text) in broken {
        let path = format!("secrets/dev/{name}");
        // A value, not a name: names may be shown. `=` would make a name of what stands before.
        let value = hunt.new.trim_end_matches('=');
        hunt.plain(&path, &text.replace("CANARY", value));
        let run = |line: &str| {
            hunt.run(&line.replace("FILE", &path), Nothing);
        };
        run("mvx encrypt FILE");
        run("mvx encrypt --json FILE");
        run("mvx decrypt FILE");
        run("mvx get FILE KEY");
        run("mvx set FILE KEY < new");
        run("mvx ls FILE");
        let ending = name.split_once('.').unwrap().1;
        let sealed = hunt.seal(&format!("sound.{ending}"));
        // The same text typed in an editor: kept, encrypted, where it cannot be sealed.
        hunt.editor(&format!("cat '{path}' > \"$1\""));
        hunt.run(&format!("EDITOR=~/editor.sh mvx edit {sealed}"), Nothing);
        hunt.run(
            &format!("EDITOR=~/editor.sh mvx edit --json secrets/dev/x-{name}"),
            Nothing,
        );
        hunt.run(&format!("mvx set --many {sealed} < {path}"), Nothing);
    }
}

#[test]
fn values_that_are_refused() {
    let hunt = Hunt::new();
    let sealed = hunt.seal("app.yaml");
    let run = |line: &str| {
        hunt.run(&line.replace("FILE", &sealed), Nothing);
    };
    for kind in ["int", "float", "bool", "json"] {
        run(&format!("mvx set FILE KEY --type {kind} < new"));
        run(&format!(
            "mvx set FILE N --type {kind} --value \"$(cat new)\""
        ));
    }
    run("mvx set FILE KEY --type \"$(cat new)\" < new");
    run("mvx set FILE KEY \"$(cat new)\"");
    run("mvx set FILE KEY -- \"$(cat new)\"");
    run("mvx set FILE KEY --valeu \"$(cat new)\"");
    run("mvx set FILE KEY \"--$(cat new)\"");
    run("mvx set --many FILE < broken.json");
    run("mvx set --many FILE < new");
    run("mvx set FILE 'KEY[0]' < new");
    run("mvx set FILE m < new");
    run("mvx set missing.yaml KEY < new");
    run("mvx get FILE KEY2");
    run("mvx get --json FILE KEY2");
    run("mvx mv FILE KEY m.x.y; mvx mv FILE m.x.y KEY; mvx mv FILE KEY N");
    run("mvx unset FILE KEY.x");
    run("mvx encrypt --age \"$(grep SECRET ~/.config/mvx/keys.txt)\" new");
    run("mvx encrypt --age \"$(cat new)\" new");
    run("mvx init --yes --recipient \"$(grep SECRET ~/.config/mvx/keys.txt)\"");
}

#[test]
fn files_that_do_not_open() {
    let hunt = Hunt::new();
    for name in ["app.yaml", "app.json", "app.env", "app.ini"] {
        let sealed = hunt.seal(name);
        let text = hunt.repo.read(&sealed);
        let line = text.lines().find(|line| line.contains("KEY")).unwrap();
        let after = &line[..line.find("data:").unwrap_or(line.len())];
        for tampered in [
            // another ciphertext, a value in clear, a value that is gone, another time
            text.replacen(line, &line.replacen("data:", "data:AAAA", 1), 1),
            text.replacen(
                line,
                &format!("{}{}", &after[..after.find("ENC").unwrap()], hunt.new),
                1,
            ),
            text.replacen(&format!("{line}\n"), "", 1),
            text.replace("T1", "T0").replace("T0", "T2"),
            text.replace("lastmodified", "last"),
        ] {
            let path = format!("tampered-{name}");
            hunt.plain(&path, &tampered);
            let commands = [
                "decrypt FILE",
                "get FILE KEY",
                "unset FILE KEY",
                "ls FILE",
                "doctor FILE",
            ];
            for command in commands {
                let line = format!("mvx {}", command.replace("FILE", &path));
                hunt.run(
                    &line,
                    if command.contains("ls") || command.contains("doctor") {
                        Nothing
                    } else {
                        Stdout
                    },
                );
                hunt.run(&line.replace("mvx", "mvx --json"), Stdout);
            }
            hunt.run(&format!("mvx set {path} KEY < new"), Nothing);
            hunt.run(&format!("EDITOR=~/editor.sh mvx edit {path}"), Nothing);
            for command in ["seal show", "seal accept --yes", "repair", "repair --take"] {
                hunt.run(&format!("mvx {command} {path}"), Nothing);
                hunt.run(&format!("mvx {command} --json {path}"), Nothing);
            }
            hunt.run(&format!("mvx repair --show-values {path}"), Stdout);
            let edit = format!("EDITOR=~/editor.sh mvx repair --edit {path}");
            hunt.run(&edit, Nothing);
        }
    }
    let sealed = hunt.seal("app.yaml");
    hunt.repo.hold("keys/ssh_ed25519");
    hunt.run(&format!("mvx decrypt {sealed}"), Nothing);
    hunt.run(&format!("mvx set {sealed} KEY < new"), Nothing);
    let key = fs::read_to_string(fixture("identity/ci.txt")).unwrap();
    let key = key.lines().last().unwrap();
    for source in [
        "MVX_AGE_KEY",
        "SOPS_AGE_KEY",
        "MVX_AGE_KEY_FILE",
        "MVX_AGE_KEY_CMD",
    ] {
        // A key in the wrong place, or cut off.
        hunt.run(
            &format!("{source}='{}' mvx decrypt {sealed}", &key[..40]),
            Nothing,
        );
        hunt.run(&format!("{source}='{key}x' mvx keys list"), Nothing);
        hunt.run(&format!("{source}='{key}x' mvx doctor"), Nothing);
        let file = format!("{source}='{}' mvx doctor {sealed}", &key[..40]);
        hunt.run(&file, Nothing);
    }
}
