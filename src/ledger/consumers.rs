//! Where source code reads variables of its environment: what a rotation reaches.
//!
//! A table of spellings, and no parser of any language: what looks like a read is one, in a comment too.
//! Names that are put together while a program runs are not found.

use memchr::memmem;

/// How a spelling goes on after its first words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The name itself: `process.env.NAME`.
    Name,
    /// The name in quotes, perhaps after blanks: `getenv( "NAME"`.
    Quoted,
    /// The name, and then a brace or what stands for a missing value: `${NAME:-…}`.
    Braced,
}

/// A spelling of a read.
struct Spelling {
    language: &'static str,
    begins: &'static str,
    then: Then,
}

const fn spelling(language: &'static str, begins: &'static str, then: Then) -> Spelling {
    Spelling {
        language,
        begins,
        then,
    }
}

const SPELLINGS: &[Spelling] = &[
    spelling("JavaScript", "process.env.", Then::Name),
    spelling("JavaScript", "process.env[", Then::Quoted),
    spelling("JavaScript", "import.meta.env.", Then::Name),
    spelling("JavaScript", "Bun.env.", Then::Name),
    spelling("JavaScript", "Deno.env.get(", Then::Quoted),
    spelling("Python", "environ[", Then::Quoted),
    spelling("Python", "environ.get(", Then::Quoted),
    spelling("Python, C, PHP", "getenv(", Then::Quoted),
    spelling("Rust", "env::var(", Then::Quoted),
    spelling("Rust", "env::var_os(", Then::Quoted),
    spelling("Rust", "env!(", Then::Quoted),
    spelling("Go", "os.Getenv(", Then::Quoted),
    spelling("Go", "os.LookupEnv(", Then::Quoted),
    spelling("Ruby", "ENV[", Then::Quoted),
    spelling("Ruby", "ENV.fetch(", Then::Quoted),
    spelling("PHP", "$_ENV[", Then::Quoted),
    spelling("PHP", "$_SERVER[", Then::Quoted),
    spelling("PHP", " env(", Then::Quoted),
    spelling("C#", "GetEnvironmentVariable(", Then::Quoted),
    spelling("Elixir", "System.get_env(", Then::Quoted),
    spelling("Elixir", "System.fetch_env!(", Then::Quoted),
    spelling("shell, Compose", "${", Then::Braced),
    spelling("GitHub Actions", "secrets.", Then::Name),
    spelling("Kubernetes", "key: ", Then::Name),
];

/// Files in which a dollar and a name is a read, by the end of their name.
const SHELL_LIKE: &[&str] = &[
    ".sh",
    ".bash",
    ".zsh",
    ".yml",
    ".yaml",
    ".mk",
    "Makefile",
    "Dockerfile",
    ".conf",
    ".tf",
];

/// The longest name that is looked at.
const LONGEST: usize = 256;

/// A place at which a variable is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The line, from 1.
    pub line: usize,
    /// The variable's name.
    pub name: String,
    /// The language in which that is a read.
    pub language: &'static str,
}

/// The places in a text at which variables are read, in its order, each name once a line. `path` is
/// the file's name.
pub fn uses(path: &str, text: &[u8]) -> Vec<Use> {
    let mut found: Vec<(usize, &str, &'static str)> = Vec::new();
    for spelling in SPELLINGS {
        for at in memmem::find_iter(text, spelling.begins) {
            let rest = text.get(at + spelling.begins.len()..).unwrap_or_default();
            if let Some(name) = name(rest, spelling.then) {
                found.push((at, name, spelling.language));
            }
        }
    }
    if SHELL_LIKE.iter().any(|ending| path.ends_with(ending)) {
        for at in memchr::memchr_iter(b'$', text) {
            let rest = text.get(at + 1..).unwrap_or_default();
            if let Some(name) = name(rest, Then::Name) {
                found.push((at, name, "shell"));
            }
        }
    }
    found.sort_unstable();
    let mut uses: Vec<Use> = Vec::with_capacity(found.len());
    let (mut line, mut counted) = (1, 0);
    for (at, name, language) in found {
        let between = text.get(counted..at).unwrap_or_default();
        line += memchr::memchr_iter(b'\n', between).count();
        counted = at;
        let mut same_line = uses.iter().rev().take_while(|known| known.line == line);
        if !same_line.any(|known| known.name == name) {
            uses.push(Use {
                line,
                name: name.to_owned(),
                language,
            });
        }
    }
    uses
}

/// The name with which a text goes on.
fn name(rest: &[u8], then: Then) -> Option<&str> {
    let (rest, quote) = match then {
        Then::Name | Then::Braced => (rest, None),
        Then::Quoted => {
            let rest = rest.trim_ascii_start();
            let (quote, rest) = rest.split_first()?;
            (rest, matches!(quote, b'"' | b'\'' | b'`').then_some(*quote))
        }
    };
    if then == Then::Quoted && quote.is_none() {
        return None;
    }
    let inside = rest.iter().take(LONGEST + 1);
    let length = inside.take_while(|byte| is_in_names(**byte)).count();
    let name = rest.get(..length)?;
    let behind = rest.get(length);
    let begins_well = name.first().is_some_and(|first| !first.is_ascii_digit());
    let ends_well = match then {
        Then::Name => true,
        Then::Braced => matches!(behind, Some(b'}' | b':' | b'-' | b'?' | b'=')),
        Then::Quoted => behind == quote.as_ref(),
    };
    if !begins_well || !ends_well || length > LONGEST {
        return None;
    }
    std::str::from_utf8(name).ok()
}

fn is_in_names(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(path: &str, text: &str) -> Vec<String> {
        let found = uses(path, text.as_bytes());
        found
            .into_iter()
            .map(|one| format!("{}:{}", one.line, one.name))
            .collect()
    }

    #[test]
    fn reads_are_found_in_many_languages() {
        for (path, text) in [
            ("a.js", "const key = process.env.API_KEY;"),
            ("a.ts", "process.env['API_KEY'] ?? ''"),
            ("a.ts", "import.meta.env.API_KEY"),
            ("a.ts", "Deno.env.get(\"API_KEY\")"),
            ("a.py", "os.environ[\"API_KEY\"]"),
            ("a.py", "os.environ.get('API_KEY', '')"),
            ("a.py", "os.getenv( 'API_KEY' )"),
            ("a.rs", "std::env::var(\"API_KEY\")?"),
            ("a.rs", "env!(\"API_KEY\")"),
            ("a.go", "os.Getenv(\"API_KEY\")"),
            ("a.rb", "ENV.fetch('API_KEY')"),
            ("a.php", "$_ENV['API_KEY']"),
            ("A.cs", "Environment.GetEnvironmentVariable(\"API_KEY\")"),
            ("a.ex", "System.fetch_env!(\"API_KEY\")"),
            ("run.sh", "curl -H \"$API_KEY\""),
            ("compose.yml", "- KEY=${API_KEY:-none}"),
            (".github/workflows/a.yml", "key: ${{ secrets.API_KEY }}"),
            ("deploy.yaml", "  secretKeyRef: { name: app, key: API_KEY }"),
        ] {
            let found = names(path, text);
            assert!(found.contains(&"1:API_KEY".to_owned()), "{text}: {found:?}");
        }
    }

    #[test]
    fn what_is_no_read_is_passed_over() {
        for (path, text) in [
            ("a.js", "process.env[name]"),
            ("a.js", "const price = $API_KEY"),
            ("a.py", "os.environ.get(name, 'API_KEY')"),
            ("a.py", "getenv('API_KEY"),
            ("run.sh", "${API_KEY"),
            ("run.sh", "$1 $? $(API)"),
        ] {
            assert_eq!(names(path, text), [""; 0], "{text}");
        }
    }

    #[test]
    fn lines_are_counted_and_names_told_once() {
        let text = "\n$A ${A}\n\n$B $A\n";
        assert_eq!(names("x.sh", text), ["2:A", "4:B", "4:A"]);
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            uses("x.sh", &text);
        }
    }
}
