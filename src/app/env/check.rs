//! `mvx env check`: a profile's names against its example, and its values against its output.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::app::App;
use crate::app::env::deliver::{Depth, Request};
use crate::app::env::profile::Chosen;
use crate::app::env::rendered::{Form, Standing, command, read, winners};
use crate::app::files::shell_word;
use crate::dialects::{Dialect, Loader};
use crate::document::Kind;
use crate::error::{At as _, Exit, Failure};
use crate::io::{IoError, file};
use crate::render::gather::place;
use crate::render::placeholder::is_placeholder;
use crate::render::{Origin, Variable, block, example};
use crate::rules::Profile;
use crate::secret::Cleartext;

/// The longest file that is compared with, in bytes.
const MOST: usize = 64 << 20;

/// From this length on, in bytes, a value in an example that equals a secret is no coincidence.
const TELLING: usize = 8;

/// What is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckRequest {
    /// The profiles; the default one, or the only one, where none is named.
    pub profiles: Vec<String>,
    /// Scopes and their values.
    pub with: Vec<(String, String)>,
    /// Names alone, which stand in clear: no file is opened, and no identity is needed.
    pub names_only: bool,
    /// Compare with the example alone, or with the output alone; with all that the profile names
    /// where neither is set.
    pub against: Option<Against>,
}

/// What a profile is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The example.
    Example,
    /// The output.
    Output,
}

/// What a check found out.
#[derive(Default)]
pub struct Checked {
    /// What is not as it should be.
    pub findings: Vec<Finding>,
    /// What was compared: the profile, the file, and how many names it has.
    pub compared: Vec<Compared>,
}

/// A comparison that took place.
pub struct Compared {
    /// The profile.
    pub profile: String,
    /// The example or output.
    pub file: PathBuf,
    /// How many names the profile delivers.
    pub names: usize,
}

/// Something that is not as it should be. Never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The profile.
    pub profile: String,
    /// What it is, in a word for machines.
    pub code: &'static str,
    /// The file that is to be looked at.
    pub file: PathBuf,
    /// The line in it, from 1, where there is one.
    pub line: Option<usize>,
    /// The name.
    pub name: Option<String>,
    /// What it is, for people.
    pub text: String,
    /// What to do.
    pub hint: Option<String>,
}

/// What is known of a variable: its value only where files were opened.
struct Known {
    name: String,
    value: Option<Cleartext>,
    kind: Kind,
    origin: Origin,
    is_empty: bool,
}

/// A profile on its way through the check.
struct Case<'a> {
    profile: &'a str,
    known: &'a [Known],
    found: &'a mut Vec<Finding>,
}

impl App<'_> {
    /// Checks profiles. An error where there is nothing to compare with, or where a profile cannot
    /// be delivered at all.
    pub fn check_env(&self, request: &CheckRequest) -> Result<Checked, Failure> {
        let mut checked = Checked::default();
        for one in self.requests(&request.profiles, &request.with)? {
            self.check_profile(&one, request, &mut checked)?;
        }
        Ok(checked)
    }

    fn check_profile(
        &self,
        one: &Request,
        request: &CheckRequest,
        checked: &mut Checked,
    ) -> Result<(), Failure> {
        let chosen = self.profile(one.profile.as_deref())?;
        let profile = &chosen.profile;
        let wants = |what| request.against.is_none_or(|against| against == what);
        let example = profile
            .example
            .as_deref()
            .filter(|_| wants(Against::Example));
        // An output is not there where nothing is delivered, as in most pipelines: names alone are
        // compared with it on request.
        let by_default = !request.names_only || request.against == Some(Against::Output);
        let output = profile.output.as_deref();
        let output = output.filter(|_| wants(Against::Output) && by_default);
        if example.is_none() && output.is_none() {
            return Err(self.nothing_to_check(&chosen, request));
        }
        let known = self.known(one, request.names_only)?;
        let mut case = Case {
            profile: &profile.name,
            known: &known,
            found: &mut checked.findings,
        };
        case.values();
        let mut compared = Vec::new();
        if let Some(example) = example {
            let path = self.profile_path(&chosen, example, "example")?;
            self.check_example(&mut case, &path, one)?;
            compared.push(path);
        }
        if let Some(output) = output {
            let path = self.profile_path(&chosen, output, "output")?;
            match self.form(profile, &path)?.0 {
                Form::Block(dialect, loader) => case.block(&path, (dialect, loader), one)?,
                Form::Whole(_) if request.names_only => {
                    return Err(self.nothing_to_check(&chosen, request));
                }
                form @ Form::Whole(_) => case.whole(&path, form, profile, one)?,
            }
            compared.push(path);
        }
        checked
            .compared
            .extend(compared.into_iter().map(|file| Compared {
                profile: profile.name.clone(),
                file,
                names: known.len(),
            }));
        Ok(())
    }

    fn nothing_to_check(&self, chosen: &Chosen, request: &CheckRequest) -> Failure {
        let name = &chosen.profile.name;
        let what = match request.against {
            Some(Against::Output) => "`output` whose names can be compared",
            Some(Against::Example) => "`example`",
            None if request.names_only => "`example`",
            None => "`example` and no `output`",
        };
        let message = format!("the profile `{name}` has no {what}: there is nothing to check");
        Failure::new(Exit::RULES, "nothing-to-check", message)
            .at(self.shown(&chosen.rules))
            .hint("`example = \".env.example\"` in the profile names the example")
    }

    fn known(&self, one: &Request, names_only: bool) -> Result<Vec<Known>, Failure> {
        if names_only {
            let names = self.names(one, Depth::Sealed)?.names.into_iter();
            return Ok(names
                .map(|named| Known {
                    name: named.name,
                    value: None,
                    kind: Kind::Str,
                    origin: named.origin,
                    is_empty: named.is_empty,
                })
                .collect());
        }
        let delivery = self.deliver(one).map_err(|failure| {
            if failure.code == "no-identity" {
                failure.hint("`--names-only` compares names, and needs no identity")
            } else {
                failure
            }
        })?;
        let variables = delivery.variables.into_iter();
        Ok(variables
            .map(|variable| Known {
                is_empty: variable.value.is_empty(),
                name: variable.name,
                value: Some(variable.value),
                kind: variable.kind,
                origin: variable.origin,
            })
            .collect())
    }

    fn check_example(
        &self,
        case: &mut Case<'_>,
        path: &Path,
        one: &Request,
    ) -> Result<(), Failure> {
        let update = command("mvx env example", one, case.profile);
        let Some(text) = text_of(path)? else {
            let hint = format!("`{update}` makes it");
            case.add("example-absent", path, None, "is not there".into(), hint);
            return Ok(());
        };
        if self.is_left_out(path) {
            let hint = "take it out of .gitignore: an example is for everybody".into();
            case.add("example-ignored", path, None, "git ignores it".into(), hint);
        }
        let Some(text) = text.as_str() else {
            return Err(Failure::from(IoError::NotText { path: path.into() }));
        };
        let names = example::names(text.trim_start_matches('\u{feff}'));
        for (name, line) in &names {
            if !case.known.iter().any(|known| known.name == *name) {
                let text =
                    format!("`{name}` is in the example, and the profile does not deliver it");
                let hint = "add it to a secret file or to `defaults`, or take it out with `mvx env example --prune`".into();
                case.name("missing", path, Some(*line), name, text, hint);
            }
        }
        for known in case.known {
            // An old value is there for a day or two, and no part of what everybody needs.
            let lasts = !matches!(known.origin, Origin::Previous { .. });
            if lasts && !names.iter().any(|(name, _)| *name == known.name) {
                let text = format!(
                    "`{}` is delivered, and not in the example: {}",
                    known.name,
                    place(&known.origin)
                );
                let hint = format!("`{update}` adds it");
                case.name("extra", path, None, &known.name, text, hint);
            }
        }
        let values = winners(
            Dialect::Node,
            read(Dialect::Node, None, text.as_bytes()).unwrap_or_default(),
        );
        for known in case.known {
            let shown = values.get(&known.name);
            let is_secret = known.origin.is_secret();
            if let (Some(shown), Some(value)) = (shown, &known.value)
                && is_secret
                && value.len() >= TELLING
                && shown.value == *value
            {
                let text = format!("the example holds the value of `{}` itself", known.name);
                let hint = "take it out, and change the secret: git's history keeps it".into();
                case.name(
                    "value-in-example",
                    path,
                    Some(shown.line),
                    &known.name,
                    text,
                    hint,
                );
            }
        }
        Ok(())
    }
}

impl Case<'_> {
    fn block(
        &mut self,
        path: &Path,
        (dialect, loader): (Dialect, Option<Loader>),
        one: &Request,
    ) -> Result<(), Failure> {
        let sync = || format!("`{}` writes it", command("mvx env sync", one, self.profile));
        let text = text_of(path)?;
        let block = match &text {
            Some(text) => block::find(text.as_bytes()).at(path.display())?,
            None => None,
        };
        let (Some(text), Some(block)) = (text, block) else {
            let text = "holds nothing of the profile yet".into();
            self.add("not-synced", path, None, text, sync());
            return Ok(());
        };
        let bytes = text.as_bytes();
        let above = bytes.get(..block.start).unwrap_or_default();
        let above = memchr::memchr_iter(b'\n', above).count();
        let Some(found) = read(dialect, loader, bytes.get(block).unwrap_or_default()) else {
            let text = format!("a reader of {} gives up on mvx's block", dialect.name());
            self.add("drift", path, Some(above + 1), text, sync());
            return Ok(());
        };
        let mut found: HashMap<String, Standing> = winners(dialect, found);
        for known in self.known {
            let name = &known.name;
            match (found.remove(name), &known.value) {
                (None, _) => {
                    let text = format!("`{name}` is delivered, and not in mvx's block");
                    self.name("drift", path, Some(above + 1), name, text, sync());
                }
                (Some(old), Some(value)) if old.value != *value => {
                    let text = format!("`{name}` has another value than {}", place(&known.origin));
                    self.name("drift", path, Some(above + old.line), name, text, sync());
                }
                _ => {}
            }
        }
        let mut surplus: Vec<(String, Standing)> = found.into_iter().collect();
        surplus.sort_by_key(|(_, standing)| standing.start);
        for (name, standing) in surplus {
            let text = format!("`{name}` stands in mvx's block, and is not delivered any more");
            self.name(
                "drift",
                path,
                Some(above + standing.line),
                &name,
                text,
                sync(),
            );
        }
        Ok(())
    }

    fn whole(
        &mut self,
        path: &Path,
        form: Form,
        profile: &Profile,
        one: &Request,
    ) -> Result<(), Failure> {
        let sync = format!("`{}` writes it", command("mvx env sync", one, self.profile));
        let Some(text) = text_of(path)? else {
            self.add("not-synced", path, None, "is not there".into(), sync);
            return Ok(());
        };
        let variables: Vec<Variable> = self
            .known
            .iter()
            .filter_map(|known| {
                Some(Variable {
                    name: known.name.clone(),
                    value: known.value.as_ref()?.duplicate(),
                    kind: known.kind,
                    origin: known.origin.clone(),
                })
            })
            .collect();
        let mark = form.mark(one, profile);
        let rendered = form.render(profile, &variables, &mark, "");
        if text != rendered.at(path.display())?.0 {
            let text = "does not hold what the profile delivers".into();
            self.add("drift", path, None, text, sync);
        }
        Ok(())
    }

    fn add(
        &mut self,
        code: &'static str,
        file: &Path,
        line: Option<usize>,
        text: String,
        hint: String,
    ) {
        self.found.push(Finding {
            profile: self.profile.into(),
            code,
            file: file.into(),
            line,
            name: None,
            text,
            hint: Some(hint),
        });
    }

    fn name(
        &mut self,
        code: &'static str,
        file: &Path,
        line: Option<usize>,
        name: &str,
        text: String,
        hint: String,
    ) {
        self.add(code, file, line, text, hint);
        if let Some(last) = self.found.last_mut() {
            last.name = Some(name.into());
        }
    }

    /// Values that are none.
    fn values(&mut self) {
        for known in self.known {
            let Origin::Secret { file, key } = &known.origin else {
                continue;
            };
            let (name, file) = (&known.name, Path::new(file));
            let set = format!(
                "`mvx set {} {}`",
                shell_word(file),
                shell_word(Path::new(&key.to_string()))
            );
            let text = known.value.as_ref().and_then(Cleartext::as_str);
            if known.is_empty {
                let text = format!("`{name}` is empty: `{key}`");
                let hint =
                    format!("{set}; where nothing is meant, `defaults` of the profile say so");
                self.name("empty", file, None, name, text, hint);
            } else if text.is_some_and(is_placeholder) {
                let text = format!("`{name}` holds a placeholder and no value: `{key}`");
                self.name("placeholder", file, None, name, text, set);
            }
        }
    }
}

fn text_of(path: &Path) -> Result<Option<Cleartext>, Failure> {
    match file::read(path, MOST) {
        Ok(text) => Ok(Some(text)),
        Err(IoError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
