//! Names of variables: which can be, which steer the process that gets them, and globs over them.

/// Whether a shell and every reader of env files take `name` for a name: letters, digits and `_`,
/// and no digit first (POSIX.1-2017, XBD 8.1 and 3.231).
pub fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

/// Names, or beginnings of names with a `*`, by which whoever can write a secret could make a
/// process load or run something else, and what each does. From the manuals ld.so(8), dyld(1),
/// bash(1), python(1), perlrun(1), ruby(1), node(1), java(1), git(1), less(1), man(1), make(1), tar(1),
/// cargo's and go's references, and those of the programs that are named. Not among them are names
/// that are usual for settings or hold tokens: `ENV`, which only interactive shells heed,
/// `CARGO_REGISTRY_TOKEN`, `PIP_INDEX_URL`.
pub const STEERING: &[(&str, &str)] = &[
    ("PATH", "says which programs run"),
    ("HOME", "says which settings programs read"),
    ("SHELL", "is a program that is run"),
    ("LD_*", "makes the loader take other libraries"),
    ("DYLD_*", "makes the loader take other libraries"),
    ("GCONV_PATH", "makes the C library load modules"),
    ("BASH_ENV", "is a script that bash runs"),
    ("BASH_FUNC_*", "defines functions in bash"),
    ("BASHOPTS", "switches bash's options"),
    ("SHELLOPTS", "switches bash's options"),
    ("PS0", "is expanded by a shell"),
    ("PS1", "is expanded by a shell"),
    ("PS2", "is expanded by a shell"),
    ("PS4", "is expanded by a shell that traces"),
    ("IFS", "changes how a shell splits words"),
    ("PROMPT_COMMAND", "is run by bash"),
    ("ZDOTDIR", "says which scripts zsh runs"),
    ("PYTHONPATH", "makes Python load other modules"),
    ("PYTHONHOME", "makes Python load other modules"),
    ("PYTHONSTARTUP", "is a script that Python runs"),
    ("PYTHONUSERBASE", "makes Python load other modules"),
    ("PYTHONBREAKPOINT", "is a function that Python calls"),
    ("PERL5LIB", "makes Perl load other modules"),
    ("PERLLIB", "makes Perl load other modules"),
    ("PERL5OPT", "gives Perl options"),
    ("PERL5DB", "is code that Perl runs"),
    ("RUBYOPT", "gives Ruby options"),
    ("RUBYLIB", "makes Ruby load other files"),
    ("GEM_HOME", "makes Ruby load other gems"),
    ("GEM_PATH", "makes Ruby load other gems"),
    ("BUNDLE_GEMFILE", "makes Ruby load other gems"),
    ("NODE_OPTIONS", "gives Node.js options"),
    ("NODE_PATH", "makes Node.js load other modules"),
    ("NPM_CONFIG_*", "sets npm's options"),
    ("JAVA_TOOL_OPTIONS", "gives Java options"),
    ("JDK_JAVA_OPTIONS", "gives Java options"),
    ("_JAVA_OPTIONS", "gives Java options"),
    ("CLASSPATH", "makes Java load other classes"),
    ("DOTNET_STARTUP_HOOKS", "makes .NET load other code"),
    ("CORECLR_PROFILER*", "makes .NET load other code"),
    ("COR_PROFILER*", "makes .NET load other code"),
    ("PHPRC", "says which settings PHP reads"),
    ("PHP_INI_SCAN_DIR", "says which settings PHP reads"),
    ("LUA_INIT*", "is code that Lua runs"),
    ("LUA_PATH*", "makes Lua load other modules"),
    ("LUA_CPATH*", "makes Lua load other modules"),
    ("GIT_*", "makes git run programs or use another repository"),
    ("EDITOR", "is a program that is run"),
    ("VISUAL", "is a program that is run"),
    ("PAGER", "is a program that is run"),
    ("MANPAGER", "is a program that is run"),
    ("BROWSER", "is a program that is run"),
    ("LESSOPEN", "is a program that less runs"),
    ("LESSCLOSE", "is a program that less runs"),
    ("SUDO_ASKPASS", "is a program that is run"),
    ("SSH_ASKPASS", "is a program that is run"),
    ("XDG_CONFIG_*", "says which settings programs read"),
    ("GLIBC_TUNABLES", "switches the C library's options"),
    ("LOCPATH", "makes the C library read other files"),
    ("HOSTALIASES", "says which machine a name means"),
    ("SSLKEYLOGFILE", "makes programs write their TLS keys"),
    ("MAKEFLAGS", "gives make options, and code"),
    ("GNUMAKEFLAGS", "gives make options, and code"),
    ("MAKEFILES", "makes make read other files"),
    ("CC", "is a program that is run"),
    ("CXX", "is a program that is run"),
    ("TAR_OPTIONS", "gives tar options, and programs"),
    ("RSYNC_RSH", "is a program that rsync runs"),
    ("RSYNC_CONNECT_PROG", "is a program that rsync runs"),
    ("VIMINIT", "is code that vim runs"),
    ("EXINIT", "is code that vi runs"),
    ("INPUTRC", "says which settings shells read"),
    ("LESS", "gives less options"),
    ("WGETRC", "says which settings wget reads"),
    ("CURL_HOME", "says which settings curl reads"),
    ("CARGO_HOME", "says which settings cargo reads"),
    ("CARGO_BUILD_*", "says which programs cargo runs"),
    ("CARGO_TARGET_*", "says which programs cargo runs"),
    ("RUSTC*", "is a program that cargo runs"),
    ("RUSTDOC*", "is a program that cargo runs"),
    ("RUSTFLAGS", "gives the Rust compiler options"),
    ("GOFLAGS", "gives go options"),
    ("GOENV", "says which settings go reads"),
    ("MAVEN_OPTS", "gives Java options"),
    ("MAVEN_ARGS", "gives Maven options"),
    ("GRADLE_OPTS", "gives Java options"),
    ("JAVA_HOME", "says which Java runs"),
    ("BUN_OPTIONS", "gives Bun options"),
    ("YARN_RC_FILENAME", "says which settings yarn reads"),
    ("YARN_YARN_PATH", "is a program that yarn runs"),
    ("PYTHONWARNINGS", "makes Python load modules"),
    ("PIP_CONFIG_FILE", "says which settings pip reads"),
    ("R_PROFILE*", "is code that R runs"),
    ("R_ENVIRON*", "says which settings R reads"),
    ("ERL_*FLAGS", "gives Erlang options, and code"),
    ("KUBECONFIG", "names programs that kubectl runs"),
    ("DOCKER_CONFIG", "names programs that docker runs"),
    ("AWS_CONFIG_FILE", "names programs that AWS's tools run"),
    ("CLOUDSDK_PYTHON*", "says which Python gcloud runs"),
    ("TF_CLI_*", "gives Terraform options and settings"),
    ("ANSIBLE_CONFIG", "says which settings Ansible reads"),
    ("ANSIBLE_LIBRARY", "makes Ansible load other modules"),
    ("ANSIBLE_*_PLUGINS", "makes Ansible load other modules"),
    ("KRB5_CONFIG", "makes Kerberos load modules"),
    ("COMSPEC", "is a program that Windows runs"),
    ("PATHEXT", "says which programs Windows runs"),
    (
        "ACTIONS_ALLOW_UNSECURE_COMMANDS",
        "lets any line of a log change GitHub's job",
    ),
    ("OPENSSL_CONF", "makes OpenSSL load modules"),
    ("OPENSSL_MODULES", "makes OpenSSL load modules"),
    ("OPENSSL_ENGINES", "makes OpenSSL load modules"),
];

/// What a variable of this name does to a process, if it steers it. Case does not count: it does
/// not on Windows.
pub fn steers(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    STEERING
        .iter()
        .find(|(pattern, _)| matches(pattern, &upper))
        .map(|(_, what)| *what)
}

/// Whether a glob matches a name: `*` is any text, `?` one character.
pub fn matches(glob: &str, name: &str) -> bool {
    let (glob, name): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
    let (mut at, mut of) = (0, 0);
    // Where the last star stands, and what it has taken so far.
    let mut star = None;
    while let Some(c) = name.get(at) {
        match glob.get(of) {
            Some('*') => {
                star = Some((of, at));
                of += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == c => {
                at += 1;
                of += 1;
            }
            _ => {
                let Some((place, taken)) = star else {
                    return false;
                };
                star = Some((place, taken + 1));
                of = place + 1;
                at = taken + 1;
            }
        }
    }
    glob.iter().skip(of).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_shells_take() {
        for good in ["A", "_", "DB_PASSWORD", "a1"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "1A", "A-B", "A.B", "Ä", "A B", "A=", "A\n"] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn names_that_steer_are_known_in_any_case() {
        for name in [
            "PATH",
            "Path",
            "LD_PRELOAD",
            "DYLD_X",
            "NODE_OPTIONS",
            "BASH_ENV",
            "GIT_SSH_COMMAND",
            "BASH_FUNC_ls",
            "npm_config_script_shell",
            "PS1",
            "MAKEFLAGS",
            "XDG_CONFIG_HOME",
            "RUSTC_WRAPPER",
            "ERL_AFLAGS",
        ] {
            assert!(steers(name).is_some(), "{name}");
        }
        for name in [
            "PATHS",
            "MY_PATH",
            "LDAP",
            "GITHUB_TOKEN",
            "ENV",
            "DATABASE_URL",
            "CARGO_REGISTRY_TOKEN",
            "PIP_INDEX_URL",
            "YARN_NPM_AUTH_TOKEN",
        ] {
            assert_eq!(steers(name), None, "{name}");
        }
    }

    #[test]
    fn globs_match_whole_names() {
        for (glob, hit, miss) in [
            ("A", "A", "AB"),
            ("A*", "A", "BA"),
            ("*_KEY", "A_KEY", "A_KEYS"),
            ("A*C*E", "ABCDE", "ABCD"),
            ("A?C", "ABC", "AC"),
            ("*", "", "-"),
            ("**A", "BA", "AB"),
        ] {
            assert!(matches(glob, hit), "{glob} {hit}");
            assert!(miss == "-" || !matches(glob, miss), "{glob} {miss}");
        }
    }
}
