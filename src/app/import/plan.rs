//! What would be done, told before anything is.

use std::collections::HashMap;

use super::{Plan, Planned, ReadInput, Request, Status, Target, Twice};
use crate::app::change::as_text;
use crate::app::files::{is_same_file, is_sealed_name, sealed_name};
use crate::app::policy::format_of;
use crate::app::{App, many, place, recipients};
use crate::error::{At as _, Exit, Failure};
use crate::import::Source;
use crate::io::file;
use crate::keypath::{KeyPath, Segment};
use crate::rules::key_matches;
use crate::sops::change::node_at;
use crate::sops::store::NewNode;
use crate::stores::{Format, METADATA};

impl App<'_> {
    /// Reads the inputs and the secret file, and says what would be done.
    pub fn plan_import(&self, mut request: Request<'_>) -> Result<Plan, Failure> {
        let mut inputs = Vec::new();
        for input in std::mem::take(&mut request.inputs) {
            if input.bytes.is_none() && is_same_file(&input.path, request.to) {
                let message = "a file cannot be imported into itself";
                return Err(Failure::new(Exit::USAGE, "same-file", message)
                    .at(input.path.display())
                    .hint("`mvx encrypt -i FILE` encrypts it in place"));
            }
            inputs.push(self.read_input(&request, input)?);
        }
        let creates = file::kind(request.to)?.is_none();
        let (target, format) = self.import_target(&request, creates)?;
        let mut plan = Plan {
            to: request.to.to_owned(),
            creates,
            recipients: Vec::new(),
            verbatim: creates && is_verbatim(&request, &inputs, format),
            inputs,
            keys: Vec::new(),
            twice: Vec::new(),
            format,
            target,
            comments: Vec::new(),
            closing: Vec::new(),
        };
        let name = request.to.display();
        plan.gather(&request);
        if plan.keys.is_empty() {
            let message = "there is nothing left to import";
            return Err(Failure::new(Exit::NO, "nothing-to-do", message)
                .hint("`--only` and `--except` leave everything out"));
        }
        plan.check_shape().at(&name)?;
        self.fit(&mut plan);
        plan.compare().at(&name)?;
        if let Target::New { policy, .. } = &plan.target {
            for name in policy.recipients().map(recipients::name) {
                if !plan.recipients.contains(&name) {
                    plan.recipients.push(name);
                }
            }
        }
        Ok(plan)
    }

    /// The secret file, opened, or what is needed to make it.
    fn import_target(
        &self,
        request: &Request<'_>,
        creates: bool,
    ) -> Result<(Target, Format), Failure> {
        let to = request.to;
        let binary = |format: Format| {
            let message = "a binary file is one value, and holds no names";
            match format {
                Format::Binary => Err(Failure::new(Exit::USAGE, "binary", message)
                    .at(to.display())
                    .hint("give it a name that ends in `.enc.yaml`, `.enc.json`, `.enc.env` or `.enc.ini`, or say `--format yaml`")),
                _ => Ok(()),
            }
        };
        if !creates {
            let file = self.open_file(to, request.format)?;
            let format = file.sealed.format;
            binary(format)?;
            return Ok((Target::Existing(Box::new(file)), format));
        }
        let policy = self.policy_for(to, request.age)?;
        let format = request
            .format
            .or(format_of(&policy))
            .unwrap_or_else(|| Format::from_path(to));
        binary(format)?;
        let key = self.new_key(&policy).at(to.display())?;
        if !is_sealed_name(to) {
            self.note(format!(
                "{}: the name does not say that the file is encrypted, as {} would",
                to.display(),
                sealed_name(to).display()
            ));
        }
        let policy = Box::new(policy);
        Ok((Target::New { policy, key }, format))
    }

    /// dotenv and INI files hold text alone.
    fn fit(&self, plan: &mut Plan) {
        if !matches!(plan.format, Format::Dotenv | Format::Ini) {
            return;
        }
        let mut changed = 0;
        for planned in &mut plan.keys {
            if let NewNode::Value(value) = &planned.node
                && value.kind != crate::document::Kind::Str
            {
                planned.node = NewNode::Value(as_text(value.duplicate()));
                changed += 1;
            }
        }
        if changed > 0 {
            self.note(format!(
                "{}: {} stored as text; {} files hold nothing else",
                plan.to.display(),
                many(changed, "value is", "values are"),
                plan.format.name()
            ));
        }
    }
}

/// Whether the one input's own text can become the new file.
fn is_verbatim(request: &Request<'_>, inputs: &[ReadInput], format: Format) -> bool {
    let [only] = inputs else { return false };
    let same = matches!(
        (only.source, format),
        (Source::Yaml, Format::Yaml) | (Source::Json, Format::Json) | (Source::Ini, Format::Ini)
    );
    let whole = request.only.is_empty() && request.except.is_empty();
    let doubtful = only.warnings.iter().any(crate::import::Warning::loses);
    same && whole && !doubtful && request.at.is_none() && request.prefix.is_empty()
}

impl Plan {
    /// Takes the values out of the inputs and puts them where they are to stand.
    fn gather(&mut self, request: &Request<'_>) {
        let mut places: HashMap<KeyPath, usize> = HashMap::new();
        let mut twice: HashMap<KeyPath, Twice> = HashMap::new();
        for (number, input) in self.inputs.iter_mut().enumerate() {
            self.closing.append(&mut input.contents.closing);
            for mut entry in std::mem::take(&mut input.contents.entries) {
                let path = KeyPath {
                    document: 1,
                    segments: entry.path.into_iter().map(Segment::Key).collect(),
                };
                let comments = std::mem::take(&mut entry.comments);
                let mut leaves = Vec::new();
                flatten(path.clone(), entry.node, &mut leaves);
                input.values += leaves.len();
                let before = leaves.len();
                leaves.retain(|(key, _)| {
                    let wanted = request.takes(key);
                    if !wanted {
                        input.left_out.push(key.clone());
                    }
                    wanted
                });
                if !comments.is_empty() && leaves.len() == before {
                    self.comments.push((request.place(&path), comments));
                }
                for (key, node) in leaves {
                    let key = request.place(&key);
                    let place = (number, entry.line);
                    let planned = Planned {
                        key: key.clone(),
                        input: number,
                        line: entry.line,
                        status: Status::New,
                        node,
                    };
                    let Some(old) = places.get(&key).and_then(|at| self.keys.get_mut(*at)) else {
                        places.insert(key, self.keys.len());
                        self.keys.push(planned);
                        continue;
                    };
                    let equal = old.node.holds(&planned.node);
                    let twice = twice.entry(key).or_insert_with_key(|key| Twice {
                        key: key.clone(),
                        places: vec![(old.input, old.line)],
                        same: true,
                    });
                    twice.same &= equal;
                    twice.places.push(place);
                    *old = planned;
                }
            }
        }
        self.twice = twice.into_values().collect();
        self.twice.sort_by(|a, b| a.key.cmp(&b.key));
    }

    /// Fails where one input has a value and another a map at the same place, or where a name is
    /// SOPS's own.
    fn check_shape(&self) -> Result<(), Failure> {
        let mut leaves: HashMap<&KeyPath, &Planned> = HashMap::new();
        for planned in &self.keys {
            leaves.insert(&planned.key, planned);
        }
        for planned in &self.keys {
            if matches!(planned.key.segments.first(), Some(Segment::Key(name)) if name == METADATA)
            {
                return Err(Failure::new(
                    Exit::USAGE,
                    "reserved-key",
                    format!("`{METADATA}` is the name under which SOPS keeps its metadata"),
                )
                .hint("`--at KEYPATH` puts everything below another name, and `--except sops` leaves it out"));
            }
            for length in 1..planned.key.segments.len() {
                let above = KeyPath {
                    document: planned.key.document,
                    segments: planned.key.segments.iter().take(length).cloned().collect(),
                };
                if leaves.contains_key(&above) {
                    return Err(two_shapes(&above));
                }
            }
        }
        Ok(())
    }

    /// Compares what is imported with what the file has.
    fn compare(&mut self) -> Result<(), Failure> {
        let Target::Existing(file) = &self.target else {
            return Ok(());
        };
        let document = self.keys.first().map_or(1, |planned| planned.key.document);
        let root = node_at(file.view(), &KeyPath::root(document));
        for planned in &mut self.keys {
            place::settable(file, &planned.key)?;
            planned.status = match find(root.as_ref(), &planned.key)? {
                None => Status::New,
                Some(found) if found.holds(&planned.node) => Status::Equal,
                // Nothing is to be put into it.
                Some(NewNode::Map(_)) if is_empty_map(&planned.node) => Status::Equal,
                Some(found) if is_map(found) != is_map(&planned.node) => {
                    return Err(two_shapes(&planned.key));
                }
                Some(_) => Status::Different,
            };
        }
        Ok(())
    }

    /// The keys that the file has with another value.
    pub fn conflicts(&self) -> impl Iterator<Item = &KeyPath> {
        let different = |planned: &&Planned| planned.status == Status::Different;
        self.keys.iter().filter(different).map(|one| &one.key)
    }

    /// How many keys have this status.
    pub fn count(&self, status: Status) -> usize {
        let with = self.keys.iter().filter(|one| one.status == status);
        with.count()
    }
}

impl Request<'_> {
    /// Where a key of an input stands in the secret file.
    fn place(&self, key: &KeyPath) -> KeyPath {
        let mut placed = self.at.clone().unwrap_or_else(|| KeyPath::root(1));
        let mut prefix = self.prefix;
        for segment in &key.segments {
            placed.segments.push(match segment {
                Segment::Key(name) => Segment::Key(format!("{prefix}{name}")),
                index @ Segment::Index(_) => index.clone(),
            });
            prefix = "";
        }
        placed
    }

    /// Whether a key of an input is to be imported.
    fn takes(&self, key: &KeyPath) -> bool {
        let named = |globs: &[String]| {
            globs.iter().any(|glob| {
                // A map that is named is named with all that is in it.
                (1..=key.segments.len()).any(|length| {
                    let above = KeyPath {
                        document: key.document,
                        segments: key.segments.iter().take(length).cloned().collect(),
                    };
                    key_matches(glob, &above)
                })
            })
        };
        (self.only.is_empty() || named(self.only)) && !named(self.except)
    }
}

/// The values, lists and empty maps in a node, with their paths.
fn flatten(path: KeyPath, node: NewNode, leaves: &mut Vec<(KeyPath, NewNode)>) {
    match node {
        NewNode::Map(entries) if !entries.is_empty() => {
            for (name, node) in entries {
                flatten(path.child(Segment::Key(name)), node, leaves);
            }
        }
        node => leaves.push((path, node)),
    }
}

/// What stands at a path below a root; an error where the way leads through a value.
pub(super) fn find<'n>(
    root: Option<&'n NewNode>,
    path: &KeyPath,
) -> Result<Option<&'n NewNode>, Failure> {
    let mut at = root;
    for (depth, segment) in path.segments.iter().enumerate() {
        at = match (at, segment) {
            (None | Some(NewNode::Null), _) => return Ok(None),
            (Some(NewNode::Map(entries)), Segment::Key(name)) => {
                let mut entries = entries.iter().rev();
                entries
                    .find(|(found, _)| found == name)
                    .map(|(_, node)| node)
            }
            (Some(NewNode::List(items)), Segment::Index(index)) => items.get(*index),
            _ => {
                return Err(two_shapes(&KeyPath {
                    document: path.document,
                    segments: path.segments.iter().take(depth).cloned().collect(),
                }));
            }
        };
    }
    Ok(at)
}

fn two_shapes(key: &KeyPath) -> Failure {
    Failure::new(
        Exit::IO,
        "not-a-value",
        format!("`{key}` would be a value and a map at once; nothing was imported"),
    )
    .hint(format!(
        "`--except '{key}'` leaves it out, `--at KEYPATH` puts everything below another name"
    ))
}

fn is_map(node: &NewNode) -> bool {
    matches!(node, NewNode::Map(_))
}

fn is_empty_map(node: &NewNode) -> bool {
    matches!(node, NewNode::Map(entries) if entries.is_empty())
}
