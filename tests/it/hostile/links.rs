//! Symbolic links that lead out of the repository.

use std::fs;
use std::os::unix::fs::symlink;

use crate::repo::Repo;

#[test]
fn a_gitignore_that_is_a_link_is_not_written_through() {
    let repo = Repo::new();
    let profile = repo.home(".profile");
    fs::write(&profile, "# mine\n").unwrap();
    fs::remove_file(repo.sandbox.path(".gitignore")).unwrap();
    symlink(&profile, repo.sandbox.path(".gitignore")).unwrap();
    repo.write("$(touch gone).env", "A=1\n");
    insta::assert_snapshot!(repo.session("
        mvx import '$(touch gone).env' --to secrets/dev/x.enc.yaml --gitignore --yes
        rm .sops-rules.toml
        mvx init -q --yes --name ana --no-recovery
        ls .sops-rules.toml
    "), @r##"
    $ mvx import '$(touch gone).env' --to secrets/dev/x.enc.yaml --gitignore --yes
    mvx: $(touch gone).env: 1 value, read as most programs do
    mvx: secrets/dev/x.enc.yaml: made, with 1 value, for ana, bob; opened again and compared
    mvx: error: .gitignore: it is a symbolic link, which git does not follow; nothing was written through it
    mvx: hint: see where it leads, and put a file in its place: `ls -l .gitignore`
    [4]
    $ rm .sops-rules.toml
    $ mvx init -q --yes --name ana --no-recovery
    mvx: error: .gitignore: it is a symbolic link, which git does not follow; nothing was written through it
    mvx: hint: see where it leads, and put a file in its place: `ls -l .gitignore`
    [4]
    $ ls .sops-rules.toml
    ls: cannot access '.sops-rules.toml': No such file or directory
    [2]
    "##);
    assert_eq!(fs::read_to_string(&profile).unwrap(), "# mine\n");
}
