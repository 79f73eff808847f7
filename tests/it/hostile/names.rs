//! File names that a machine takes and a program may not expect.

use crate::repo::{CAROL, Repo};

/// One file in a pull request, and a command that stops at it has half done its work or keeps CI from
/// its answer.
#[test]
fn a_name_that_is_not_utf_8_stops_no_answer_in_json() {
    let repo = Repo::new();
    let rules = repo.read(".sops-rules.toml");
    repo.write(
        ".sops-rules.toml",
        rules.replace("recipients = [\"bob\"]", "recipients = [\"team\"]"),
    );
    repo.seal("secrets/dev/a.yaml", "k: v\nc_unencrypted: 1\n");
    let script = r#"
        F=secrets/dev/a.enc.yaml D=$(printf 'secrets/dev/d\376') n=$(printf 'secrets/dev/\377.enc.yaml')
        cp $F "$n"; mkdir "$D"; cp $F "$D"; git add -A
        git -c user.name=A -c user.email=a@example.com commit -qm 1
        j() { mvx "$@" --json 2>&1 || true; }
        j ls; j recipients list; j recipients sync --check; j recipients sync --dry-run
        j recipients add carol CAROL --group team --yes; j rekey --yes; j recipients remove carol --yes
        j doctor "$n"; j doctor secrets; j doctor; j seal show "$n"
        j set "$n" k --value x; j get "$n" k; j decrypt "$n"; j mv "$n" k z; j unset "$n" z
        j keys rotate --yes
        cp "$n" "$n.bak"; j clean --dry-run; j clean --yes
        sed -i '/mvx_seal/d; s/c_unenc/d_unenc/' "$n"; j seal show "$n"; j seal accept -y "$n"
        sed -i 's/^d_unenc.*/d_unencrypted: 7/' "$n"; j repair "$n"; j repair --take "$n"; j repair --restore "$n"
        p=$(printf 'secrets/dev/\376.yaml'); echo 'k: v' > "$p"; j encrypt --dry-run "$p"; j encrypt --rm "$p"
        e=$(printf '\376.env'); echo 'K=v' > "$e"; j import "$e" --to "$n" --yes
        j import "$e" --to "$(printf 'secrets/dev/\375.enc.yaml')" --yes --rm --gitignore
        EDITOR=true j edit "$n"; j decrypt -i "$n"; j encrypt -i "$n"
        MVX_AGE_KEY_FILE="$D/key" j keys generate -o "$D/key"
        cd "$D"; j ls; j doctor; j recipients sync --check; j recipients list; git init -q .; j init --yes
    "#;
    let outcome = repo.shell(&script.replace("CAROL", CAROL));
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let mut answers = 0;
    for line in outcome.stdout().lines() {
        assert!(!line.contains("\"exit\":70"), "{line}\n{outcome}");
        answers += usize::from(line.contains('\u{fffd}'));
    }
    assert!(answers >= 25, "{answers}\n{outcome}");
}
