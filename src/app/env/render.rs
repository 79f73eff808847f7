//! `mvx env render`: what a profile delivers, as a text in any format, or in a template's
//! placeholders.

use std::path::{Path, PathBuf};

use crate::app::App;
use crate::app::env::deliver::{Delivery, Request};
use crate::app::env::rendered::{Form, command, may_steer};
use crate::app::files::{already_there, directory_is_there, has_metadata, shell_word};
use crate::app::surroundings::who_reads;
use crate::dialects::Dialect;
use crate::dialects::detect::{Choice, choose};
use crate::error::{At as _, Exit, Failure};
use crate::io::look::is_link;
use crate::io::write::{self, Access};
use crate::io::{IoError, append, file, random};
use crate::render::pipelines::github_masks;
use crate::render::{Format, K8s, Note, Options, notes, render, template};
use crate::rules::Profile;
use crate::secret::Cleartext;

/// What is to be rendered.
pub struct RenderRequest {
    /// The profile and its scopes.
    pub deliver: Request,
    /// The format's name; the profile's, or dotenv, where there is none.
    pub format: Option<String>,
    /// The dialect of a dotenv file; the profile's, or that of the program that reads it.
    pub dialect: Option<Dialect>,
    /// A file whose placeholders are filled instead.
    pub template: Option<PathBuf>,
    /// Where it is written; handed back where there is none.
    pub output: Option<PathBuf>,
    /// Whether an existing file may be replaced.
    pub overwrite: bool,
    /// Whether a file that git does not ignore may hold values.
    pub allow_unignored: bool,
    /// What a Kubernetes Secret is called; as the profile, where there is none.
    pub k8s_name: Option<String>,
    /// Its namespace.
    pub k8s_namespace: Option<String>,
    /// Whether its values stand in base64.
    pub k8s_base64: bool,
}

/// What was rendered.
pub struct Rendered {
    /// The profile's name.
    pub profile: String,
    /// What it became.
    pub shape: Shape,
    /// The text, where it goes to whoever called.
    pub text: Option<Cleartext>,
    /// What must be on standard output before anything else, for GitHub.
    pub masks: Option<Cleartext>,
    /// The file that was written, or is to be appended to.
    pub written: Option<PathBuf>,
    /// The names, in order.
    pub names: Vec<String>,
    /// The secret files that were read.
    pub files: Vec<PathBuf>,
    /// What should be known.
    pub notes: Vec<Note>,
}

/// What variables became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A dotenv file for this reader.
    Dotenv(Choice),
    /// Another format.
    Format(Format),
    /// A filled template.
    Template,
}

impl Shape {
    /// How messages call it.
    pub fn title(&self) -> String {
        match self {
            Self::Dotenv(choice) => Format::Dotenv(choice.dialect).title(),
            Self::Format(format) => format.title(),
            Self::Template => "a filled template".into(),
        }
    }
}

impl App<'_> {
    /// Renders what a profile delivers. For GitHub nothing is written yet: the masks have to be
    /// printed before, and [`App::append_github`] comes after.
    pub fn render_env(&self, request: &RenderRequest) -> Result<Rendered, Failure> {
        let chosen = self.profile(request.deliver.profile.as_deref())?;
        let shape = self.shape(request, &chosen.profile)?;
        let for_k8s =
            request.k8s_name.is_some() || request.k8s_namespace.is_some() || request.k8s_base64;
        if for_k8s && shape != Shape::Format(Format::K8s) {
            let message = "`--name`, `--namespace` and `--base64` are for the format k8s";
            return Err(Failure::new(Exit::USAGE, "usage", message));
        }
        let github = self.github(&shape)?;
        let pipeline = matches!(shape, Shape::Format(Format::Github));
        if pipeline && request.output.is_some() {
            let message = "the format `github` goes to the file that GITHUB_ENV names";
            return Err(Failure::new(Exit::USAGE, "usage", message).hint("leave `-o` out"));
        }
        if let Some(output) = &request.output {
            self.may_hold_values(output, request)?;
        }
        let template = request.template.as_deref().map(read_template).transpose()?;
        let delivery = self.deliver(&request.deliver)?;
        let variables = &delivery.variables;
        if feeds_a_process(&shape) {
            may_steer(&delivery.profile, variables)?;
        }
        let (text, notes) = match &template {
            Some(template) => {
                let name = request.template.as_deref().unwrap_or(Path::new("-"));
                let text = template::fill(template, variables).at(name.display())?;
                (text, Vec::new())
            }
            None => rendered(request, &shape, &delivery)?,
        };
        let masks = pipeline.then(|| github_masks(variables));
        let (text, written) = match &request.output {
            Some(output) => {
                self.write_rendered(output, &text, request.overwrite)?;
                (None, Some(output.clone()))
            }
            None => (Some(text), github),
        };
        Ok(Rendered {
            profile: delivery.profile.name.clone(),
            shape,
            text,
            masks,
            written,
            names: variables.iter().map(|one| one.name.clone()).collect(),
            files: delivery.files,
            notes,
        })
    }

    /// Hands variables to the next steps of a job, once their masks are printed.
    pub fn append_github(&self, rendered: &Rendered) -> Result<(), Failure> {
        if let (Some(path), Some(text)) = (&rendered.written, &rendered.text) {
            // What an earlier command left may lack its line break, and then the first name would be
            // a part of that line. The runner passes over empty lines.
            let mut lines = Cleartext::from("\n");
            lines.push(text.as_bytes());
            append::append(path, lines.as_bytes(), u64::MAX)?;
        }
        Ok(())
    }

    /// What the variables become: the flags say so, then the profile, then what lies beside the
    /// output.
    fn shape(&self, request: &RenderRequest, profile: &Profile) -> Result<Shape, Failure> {
        if request.template.is_some() {
            return Ok(Shape::Template);
        }
        let named = request.format.as_deref().or(profile.format);
        // A dialect is one of dotenv files.
        let name = match named {
            Some(_) if request.format.is_none() && request.dialect.is_some() => "dotenv",
            Some(name) => name,
            None => "dotenv",
        };
        if name != "dotenv" {
            if request.dialect.is_some() {
                let message = format!("`--dialect` is for dotenv files, and not for {name}");
                return Err(Failure::new(Exit::USAGE, "usage", message));
            }
            let format = Format::from_name(name, Dialect::Portable).ok_or_else(|| {
                Failure::new(Exit::USAGE, "usage", format!("there is no format `{name}`"))
            })?;
            return Ok(Shape::Format(format));
        }
        self.reader(request.dialect, profile, request.output.as_deref())
            .map(Shape::Dotenv)
    }

    /// Who reads a profile's dotenv file, and how that is known.
    pub(super) fn reader(
        &self,
        wanted: Option<Dialect>,
        profile: &Profile,
        output: Option<&Path>,
    ) -> Result<Choice, Failure> {
        let file = output
            .map(Path::to_owned)
            .or_else(|| profile.output.as_ref().map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from(".env"));
        let start = file::canonical(file::directory_of(&self.directory().join(&file)))
            .unwrap_or_else(|_| self.directory().to_owned());
        let found = who_reads(&file, &start)?;
        let named = wanted
            .map(|dialect| (dialect, "`--dialect` says so".to_owned()))
            .or_else(|| {
                let dialect = Dialect::from_name(profile.dialect?)?;
                Some((dialect, format!("the profile `{}` says so", profile.name)))
            });
        let Some((dialect, because)) = named else {
            return Ok(choose(&found));
        };
        // What lies beside it may still tell which program of the family it is.
        let loader = match found.as_slice() {
            [one] if one.dialect == dialect => one.loader,
            _ => None,
        };
        Ok(Choice {
            dialect,
            loader,
            because,
            is_torn: false,
        })
    }

    /// The file that variables are handed over in, for GitHub.
    fn github(&self, shape: &Shape) -> Result<Option<PathBuf>, Failure> {
        if *shape != Shape::Format(Format::Github) {
            return Ok(None);
        }
        let is_there = self.environment().text("GITHUB_ACTIONS")? == Some("true");
        let path = self.environment().path("GITHUB_ENV");
        let (true, Some(path)) = (is_there, path) else {
            let message = "this is no job of GitHub Actions: GITHUB_ACTIONS is not `true`, or GITHUB_ENV names no file";
            return Err(Failure::new(Exit::USAGE, "not-github", message)
                .hint("`mvx env render --format shell` and `mvx run -- CMD` work everywhere"));
        };
        if file::kind(path)? != Some(file::Kind::File) {
            return Err(IoError::NotFound { path: path.into() }.into());
        }
        Ok(Some(path.to_owned()))
    }

    /// Refuses a place for values before anything is opened.
    fn may_hold_values(&self, output: &Path, request: &RenderRequest) -> Result<(), Failure> {
        if is_link(output)? {
            let message = "a symbolic link, and values are written through none";
            return Err(Failure::new(Exit::IO, "symbolic-link", message)
                .at(output.display())
                .hint(format!("`rm {}` removes the link", shell_word(output))));
        }
        directory_is_there(output)?;
        if let Some(kind) = file::kind(output)? {
            if kind == file::Kind::File && has_metadata(output)? {
                let message = "it is an encrypted file, and values in clear would take its place";
                return Err(
                    Failure::new(Exit::USAGE, "encrypted-output", message).at(output.display())
                );
            }
            if !request.overwrite {
                return Err(already_there(output).hint("`--overwrite` replaces it"));
            }
            file::is_replaceable(output)?;
        }
        if request.allow_unignored {
            return Ok(());
        }
        let way_out = "or write it all the same with `--allow-unignored`";
        self.must_be_ignored(output, "values", way_out)
    }

    fn write_rendered(
        &self,
        output: &Path,
        text: &Cleartext,
        overwrite: bool,
    ) -> Result<(), Failure> {
        let _lock = self.lock(output)?;
        if overwrite {
            write::write(output, text.as_bytes(), Access::Private)?;
        } else {
            write::create_new(output, text.as_bytes(), Access::Private)?;
        }
        Ok(())
    }
}

/// The text, and what there is to know about it.
fn rendered(
    request: &RenderRequest,
    shape: &Shape,
    delivery: &Delivery,
) -> Result<(Cleartext, Vec<Note>), Failure> {
    let name = &delivery.profile.name;
    let (format, loader) = match shape {
        Shape::Dotenv(choice) => (Format::Dotenv(choice.dialect), choice.loader),
        Shape::Format(format) => (*format, None),
        Shape::Template => (Format::Json, None),
    };
    let delimiter = if format == Format::Github {
        delimiter()?
    } else {
        String::new()
    };
    let header = header(request, shape, name);
    let options = Options {
        format,
        loader,
        header: &header,
        k8s: K8s {
            name: request.k8s_name.as_deref().unwrap_or(name),
            namespace: request.k8s_namespace.as_deref(),
            base64: request.k8s_base64,
        },
        delimiter: &delimiter,
    };
    let text = render(&delivery.variables, &options)?;
    Ok((text, notes(&delivery.variables, &options)))
}

/// Who made the file, for whom, and how that is known.
fn header(request: &RenderRequest, shape: &Shape, profile: &str) -> Vec<String> {
    let made = format!(
        "made by mvx: {}; your changes are lost when it is made again",
        command("env render", &request.deliver, profile)
    );
    match shape {
        Shape::Dotenv(choice) => vec![
            made,
            format!("for {}: {}", choice.dialect.name(), choice.because),
        ],
        _ => vec![made],
    }
}

/// Text that nobody can guess: 160 bits.
fn delimiter() -> Result<String, Failure> {
    let mut bytes = [0u8; 20];
    random::fill(&mut bytes)?;
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    Ok(digits.fold("mvx_".to_owned(), |text, digits| text + &digits))
}

fn read_template(path: &Path) -> Result<String, Failure> {
    file::read_text(path, template::SIZE_LIMIT).map_err(Into::into)
}

fn feeds_a_process(shape: &Shape) -> bool {
    match shape {
        Shape::Dotenv(choice) => Form::Block(choice.dialect, choice.loader).feeds_a_process(),
        Shape::Format(format) => Form::Whole(*format).feeds_a_process(),
        Shape::Template => false,
    }
}
