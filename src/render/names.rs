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
/// bash(1), python(1), perlrun(1), ruby(1), node(1), java(1), git(1), less(1), man(1). `ENV` is not
/// among them: it is a usual name of settings, and only interactive shells heed it.
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
    ("PS4", "is expanded by a shell that traces"),
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
