//! git-crypt and transcrypt: which files they mark, and whether a file is still locked.
//!
//! Both are filters of git, named in `.gitattributes`: `filter=git-crypt` (or `git-crypt-KEY` for
//! a named key) and `filter=crypt` (or `crypt-CONTEXT`).

/// A tool that encrypts files on their way into git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// <https://github.com/AGWA/git-crypt>
    GitCrypt,
    /// <https://github.com/elasticdog/transcrypt>
    Transcrypt,
}

/// What a file of git-crypt's begins with in git (git-crypt's `commands.cpp`).
const GIT_CRYPT_HEADER: &[u8] = b"\0GITCRYPT\0";

/// What a file of transcrypt's begins with in git: `Salted__` of `openssl enc`, in base64.
const TRANSCRYPT_HEADER: &[u8] = b"U2FsdGVkX1";

impl Tool {
    /// Both, in the order in which help texts list them.
    pub const ALL: [Self; 2] = [Self::GitCrypt, Self::Transcrypt];

    /// Its name, as `--from` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GitCrypt => "git-crypt",
            Self::Transcrypt => "transcrypt",
        }
    }

    /// The tool by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    /// The tool by the value of git's attribute `filter`.
    pub fn of_filter(filter: &str) -> Option<Self> {
        let is = |name: &str| {
            filter
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        if is("git-crypt") {
            Some(Self::GitCrypt)
        } else if is("crypt") {
            Some(Self::Transcrypt)
        } else {
            None
        }
    }

    /// The tool under whose lock these bytes are.
    pub fn locking(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(GIT_CRYPT_HEADER) {
            Some(Self::GitCrypt)
        } else if bytes.starts_with(TRANSCRYPT_HEADER) {
            Some(Self::Transcrypt)
        } else {
            None
        }
    }

    /// The command that unlocks a repository.
    pub const fn unlock(self) -> &'static str {
        match self {
            Self::GitCrypt => "git-crypt unlock",
            Self::Transcrypt => "transcrypt",
        }
    }
}

/// The lines, from 1, of a `.gitattributes` that name a tool's filter.
pub fn marking_lines(attributes: &str, tool: Tool) -> Vec<usize> {
    let names = |line: &str| {
        let words = line.split_whitespace().skip(1);
        words
            .filter_map(|word| word.strip_prefix("filter="))
            .any(|filter| Tool::of_filter(filter) == Some(tool))
    };
    let lines = (1..).zip(attributes.lines());
    lines
        .filter(|(_, line)| !line.trim_start().starts_with('#') && names(line))
        .map(|(number, _)| number)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_name_their_tool() {
        for (filter, tool) in [
            ("git-crypt", Some(Tool::GitCrypt)),
            ("git-crypt-prod", Some(Tool::GitCrypt)),
            ("crypt", Some(Tool::Transcrypt)),
            ("crypt-super", Some(Tool::Transcrypt)),
            ("cryptic", None),
            ("lfs", None),
            ("git-crypto", None),
        ] {
            assert_eq!(Tool::of_filter(filter), tool, "{filter}");
        }
    }

    #[test]
    fn locked_files_are_known_by_their_header() {
        assert_eq!(Tool::locking(b"\0GITCRYPT\0abc"), Some(Tool::GitCrypt));
        assert_eq!(Tool::locking(b"U2FsdGVkX19abc=\n"), Some(Tool::Transcrypt));
        assert_eq!(Tool::locking(b"a: 1\n"), None);
        assert_eq!(Tool::locking(b""), None);
    }

    #[test]
    fn attributes_are_told_by_line() {
        let text = "# filter=git-crypt\n*.key filter=git-crypt diff=git-crypt\n\
                    x filter=lfs\n*.env filter=crypt diff=crypt merge=crypt\n";
        assert_eq!(marking_lines(text, Tool::GitCrypt), [2]);
        assert_eq!(marking_lines(text, Tool::Transcrypt), [4]);
    }
}
