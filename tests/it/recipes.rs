//! The recipes of docs/ci and the action, run as they stand there. The vendors' programs are stood in
//! for by scripts that keep what they were given; the rest is real: bash, jq, mvx.
//!
//! A fenced block counts if its mark names a file (`yaml .gitlab-ci.yml`) or says `sh run`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::repo::{ANA, Repo, fixture};
use crate::support::{Outcome, program, repository};

mod pages;

use pages::{blocks, heredocs, scripts};

/// What the profile delivers: nothing that needs no care.
const VALUES: [(&str, &str); 4] = [
    ("API_KEY", "invented \"key\" with 'quotes' & $HOME `id`"),
    (
        "DATABASE_URL",
        "postgres://shop:invented-pass@db/shop?a=1#x",
    ),
    ("NPM_TOKEN", "invented-npm-token"),
    ("TLS_KEY", "first invented line\nsecond invented line\n"),
];

/// A program of a vendor: keeps its arguments, its input and its environment.
const STAND_IN: &str = r#"#!/bin/bash
at=$STAND_INS/$(basename "$0")
n=$(ls "$at".*.args 2>/dev/null | wc -l)
printf '%s\n' "$@" >"$at.$n.args"
[ -t 0 ] || cat >"$at.$n.in"
env -0 >"$at.$n.env"
for word in "$@"; do
    case $word in /*:/*) cat "${word%%:*}" >"$at.$n.file" ;; esac
done
echo '{"data": {}}'
"#;

/// What a deployment does: it needs the secrets, and prints more than it should.
const DEPLOY: &str = "#!/bin/bash\nenv -0 >deploy.env\necho \"deploying with $NPM_TOKEN\"\n";

/// A project of the recipes.
struct Project {
    repo: Repo,
}

impl Project {
    /// With these values in the profile.
    fn with(names: &[&str]) -> Self {
        let repo = Repo::bare();
        repo.hold_nothing();
        repo.write(
            ".sops-rules.toml",
            format!(
                "version = 1\n[recipients.ci]\nage = \"{ANA}\"\n[[files]]\npath = \"secrets/production/**\"\nrecipients = [\"ci\"]\n[env.production]\nfiles = [\"secrets/production/*.enc.yaml\"]\n"
            ),
        );
        repo.write(".gitignore", "/secrets.env\n");
        let values = VALUES.iter().filter(|(name, _)| names.contains(name));
        let mut text = String::new();
        for (name, value) in values {
            writeln!(text, "{name}: {}", Value::from(*value)).unwrap();
        }
        repo.write("secrets/production/app.yaml", text);
        let sealed = repo
            .mvx(["encrypt", "--rm", "-q", "secrets/production/app.yaml"])
            .outcome();
        assert_eq!(sealed.code(), Some(0), "{sealed}");
        let project = Self { repo };
        project.program("deploy.sh", DEPLOY);
        for name in ["curl", "docker", "fly", "kubectl"] {
            project.program(&format!("../bin/{name}"), STAND_IN);
        }
        fs::create_dir_all(project.path("../kept")).unwrap();
        let link = project.path("../bin/mvx");
        std::os::unix::fs::symlink(program(), link).unwrap();
        project
    }

    fn whole() -> Self {
        Self::with(&VALUES.map(|(name, _)| name))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.repo.sandbox.path(name)
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.repo.write(name, script);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a script as a runner does, with this environment.
    fn bash(&self, script: &str, environment: &BTreeMap<String, String>) -> Outcome {
        let path = format!(
            "{}:{}",
            self.path("../bin").display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let mut run = self
            .repo
            .sandbox
            .run("bash", ["--noprofile", "--norc", "-ec", script])
            .env("PATH", path)
            .env("STAND_INS", self.path("../kept"));
        for (name, value) in environment {
            run = run.env(name, value);
        }
        run.outcome()
    }

    /// Runs a script with the pipeline's key, which has to go well.
    fn script(&self, script: &str) -> Outcome {
        let mut environment = secrets();
        for name in [
            "FLY_API_TOKEN",
            "FLY_APP",
            "RAILWAY_ENVIRONMENT",
            "RAILWAY_PROJECT",
            "RAILWAY_SERVICE",
            "RAILWAY_TOKEN",
            "RENDER_API_KEY",
            "RENDER_SERVICE",
            "VERCEL_PROJECT",
            "VERCEL_TEAM",
            "VERCEL_TOKEN",
        ] {
            environment.insert(name.into(), format!("its-{}", name.to_lowercase()));
        }
        let outcome = self.bash(script, &environment);
        assert_eq!(outcome.code(), Some(0), "{script}\n{outcome}");
        self.no_value_was_an_argument();
        outcome
    }

    /// What a stand-in kept of its call of this number: `args`, `in`, `env` or `file`.
    fn kept(&self, program: &str, call: usize, what: &str) -> String {
        let path = self.path(&format!("../kept/{program}.{call}.{what}"));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn no_value_was_an_argument(&self) {
        for entry in fs::read_dir(self.path("../kept")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "args") {
                let arguments = fs::read_to_string(&path).unwrap();
                for line in VALUES.iter().flat_map(|(_, value)| value.lines()) {
                    assert!(!arguments.contains(line), "{}", path.display());
                }
            }
        }
    }

    /// The deployment got these values, and the key of the pipeline did not reach it.
    fn was_deployed(&self) {
        let environment = self.repo.read("deploy.env");
        let environment = variables(&environment);
        for (name, value) in VALUES {
            assert_eq!(
                environment.get(name).map(String::as_str),
                Some(value),
                "{name}"
            );
        }
        fs::remove_file(self.path("deploy.env")).unwrap();
    }
}

/// What the vendor's secret store holds.
fn secrets() -> BTreeMap<String, String> {
    let key = fs::read_to_string(fixture("identity/ci.txt")).unwrap();
    [("MVX_AGE_KEY".to_owned(), key)].into()
}

/// The variables of `env -0`.
fn variables(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The values as one JSON object.
fn all() -> Value {
    VALUES
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// What a runner of GitHub keeps between the steps of a job.
struct Job<'a> {
    project: &'a Project,
    environment: BTreeMap<String, String>,
    /// What was printed, of all steps.
    log: String,
}

impl Job<'_> {
    fn new(project: &Project) -> Job<'_> {
        let mut environment = BTreeMap::new();
        for name in ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT"] {
            let file = project.repo.write(&format!("../{name}"), "");
            environment.insert(name.to_owned(), file.display().to_string());
        }
        let temporary = project.path("../runner");
        fs::create_dir_all(temporary.join("mvx/bin")).unwrap();
        // As after a first call, which builds it from the source.
        let built = temporary.join("mvx/bin/mvx");
        std::os::unix::fs::symlink(program(), built).unwrap();
        environment.insert("RUNNER_TEMP".into(), temporary.display().to_string());
        environment.insert("GITHUB_ACTIONS".into(), "true".into());
        environment.insert("CI".into(), "true".into());
        Job {
            project,
            environment,
            log: String::new(),
        }
    }

    /// Runs a workflow's job; how its last step ended.
    fn run(&mut self, workflow: &str) {
        let workflow = yaml(workflow);
        let steps = workflow["jobs"]["deploy"]["steps"]
            .as_array()
            .unwrap()
            .clone();
        for step in steps {
            let given = |name: &str| step.get(name).and_then(Value::as_object).cloned();
            match (step["uses"].as_str(), step["run"].as_str()) {
                (Some(uses), None) if uses.starts_with("actions/checkout@") => {}
                (Some(uses), None) => {
                    assert!(uses.contains("/mvx@"), "{uses}");
                    let inputs = given("with").unwrap_or_default();
                    self.act(
                        &inputs
                            .into_iter()
                            .map(|(name, value)| (name, expression(value.as_str().unwrap())))
                            .collect(),
                    );
                }
                (None, Some(script)) => {
                    let own = given("env").unwrap_or_default().into_iter();
                    let own = own.map(|(name, value)| (name, expression(value.as_str().unwrap())));
                    self.step(script, own.collect());
                }
                _ => panic!("{step}"),
            }
        }
    }

    /// Runs the action as a composite one is run.
    fn act(&mut self, given: &BTreeMap<String, String>) {
        let action = yaml(&fs::read_to_string(repository().join("action.yml")).unwrap());
        let input = |name: &str| -> String {
            given.get(name).cloned().unwrap_or_else(|| {
                let input = &action["inputs"][name];
                assert!(input.is_object(), "there is no input {name}");
                input["default"].as_str().unwrap_or_default().into()
            })
        };
        for name in given.keys() {
            let _known = input(name);
        }
        for step in action["runs"]["steps"].as_array().unwrap() {
            let run = step["run"].as_str().unwrap();
            assert!(!run.contains("${{"), "an input is code in: {run}");
            match step["if"].as_str() {
                Some("${{ inputs.export == 'true' }}") if input("export") != "true" => continue,
                None | Some("${{ inputs.export == 'true' }}") => {}
                Some(other) => panic!("{other}"),
            }
            let mut own = BTreeMap::new();
            for (name, value) in step["env"].as_object().unwrap() {
                let value = value.as_str().unwrap();
                let name_of = value.strip_prefix("${{ inputs.").unwrap();
                own.insert(name.clone(), input(name_of.strip_suffix(" }}").unwrap()));
            }
            let source = repository().display().to_string();
            own.insert("GITHUB_ACTION_PATH".into(), source);
            self.step(run, own);
        }
    }

    /// Runs a step, and takes up what it leaves for the next ones.
    fn step(&mut self, script: &str, own: BTreeMap<String, String>) {
        let mut environment = self.environment.clone();
        environment.extend(own);
        let outcome = self.project.bash(script, &environment);
        assert_eq!(outcome.code(), Some(0), "{script}\n{outcome}");
        self.log += &String::from_utf8_lossy(&outcome.stdout);
        self.log += &outcome.stderr;
        let left = fs::read_to_string(&self.environment["GITHUB_ENV"]).unwrap();
        self.environment.extend(heredocs(&left));
    }

    /// The log as GitHub shows it: masked, and without what is said to the runner.
    fn shown(&self) -> String {
        let mut masks = Vec::new();
        let mut shown = String::new();
        for line in self.log.lines() {
            if let Some(mask) = line.strip_prefix("::add-mask::") {
                let mask = mask
                    .replace("%0D", "\r")
                    .replace("%0A", "\n")
                    .replace("%25", "%");
                masks.push(mask);
                continue;
            }
            let mut line = line.to_owned();
            for mask in &masks {
                line = line.replace(mask.as_str(), "***");
            }
            shown += &line;
            shown.push('\n');
        }
        shown
    }
}

/// What stands for an expression of a workflow.
fn expression(text: &str) -> String {
    match text {
        "${{ secrets.MVX_AGE_KEY }}" => secrets()["MVX_AGE_KEY"].clone(),
        text => {
            assert!(!text.contains("${{"), "{text}");
            text.into()
        }
    }
}

#[test]
fn github_actions() {
    let pages = blocks("github-actions.md");
    assert_eq!(pages.len(), 3);
    for (mark, workflow) in pages {
        let project = Project::whole();
        let mut job = Job::new(&project);
        job.run(&workflow);
        let shown = job.shown();
        for line in VALUES.iter().flat_map(|(_, value)| value.lines()) {
            assert!(!shown.contains(line), "{mark}: {shown}");
        }
        project.was_deployed();
        assert!(!job.environment.contains_key("MVX_AGE_KEY"), "{mark}");
    }
}

#[test]
fn the_action_takes_scopes_and_a_binary_and_may_only_install() {
    let project = Project::whole();
    let rules = project.repo.read(".sops-rules.toml");
    project.repo.write(
        ".sops-rules.toml",
        format!("{rules}[env.tenant]\nfiles = [\"secrets/{{stage}}/*.enc.yaml\"]\n"),
    );
    let given = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect()
    };
    let key = secrets()["MVX_AGE_KEY"].clone();
    let mvx = program().into_string().unwrap();
    let mut job = Job::new(&project);
    job.act(&given(&[
        ("profile", "tenant"),
        ("with", "stage=production\n"),
        ("mvx", &mvx),
        ("age-key", &key),
    ]));
    assert_eq!(job.environment["NPM_TOKEN"], "invented-npm-token");
    let path = fs::read_to_string(&job.environment["GITHUB_PATH"]).unwrap();
    assert_eq!(Some(Path::new(path.trim())), Path::new(&mvx).parent());

    let project = Project::whole();
    let mut job = Job::new(&project);
    job.act(&given(&[("export", "false")]));
    assert!(!job.environment.contains_key("NPM_TOKEN"));
}

#[test]
fn gitlab() {
    let pages = blocks("gitlab.md");
    let [(_, deploy), (_, report)] = pages.as_slice() else {
        panic!("{pages:?}");
    };
    let lines = |page: &str, job: &str| -> String {
        let page = yaml(page);
        let lines = page[job]["script"].as_array().unwrap().iter();
        let lines: Vec<&str> = lines.map(|line| line.as_str().unwrap()).collect();
        lines.join("\n")
    };
    let project = Project::whole();
    let outcome = project.script(&lines(deploy, "deploy"));
    let log = String::from_utf8(outcome.stdout).unwrap();
    assert!(
        log.contains("deploying with ") && !log.contains("invented"),
        "{log}"
    );
    project.was_deployed();

    // The report is of one line a value, and GitLab reads more into some of them.
    let refused = project.bash(&lines(report, "secrets"), &secrets());
    assert!(
        refused.code() != Some(0) && refused.stderr.contains("`API_KEY`"),
        "{refused}"
    );
    let project = Project::with(&["DATABASE_URL", "NPM_TOKEN"]);
    let _done = project.script(&lines(report, "secrets"));
    let text = project.repo.read("secrets.env");
    let found: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let expected: Vec<String> = VALUES[1..3]
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn fly() {
    let scripts = scripts("fly.md");
    let [request, import] = scripts.as_slice() else {
        panic!("{scripts:?}");
    };
    let project = Project::whole();
    let _done = project.script(request);
    assert_eq!(json(&project.kept("curl", 0, "in"))["values"], all());
    assert!(
        project
            .kept("curl", 0, "args")
            .contains("/v1/apps/its-fly_app/secrets\n")
    );

    let refused = project.bash(import, &secrets());
    assert!(
        refused.code() != Some(0) && refused.stderr.contains("TLS_KEY"),
        "{refused}"
    );
    let project = Project::with(&["DATABASE_URL", "NPM_TOKEN"]);
    let _done = project.script(import);
    let text = project.kept("fly", 0, "in");
    for (name, value) in &VALUES[1..3] {
        assert!(
            text.lines().any(|line| line == format!("{name}={value}")),
            "{name}"
        );
    }
}

#[test]
fn render() {
    let project = Project::whole();
    let _done = project.script(&scripts("render.md")[0]);
    for (call, (name, value)) in VALUES.iter().enumerate() {
        assert_eq!(json(&project.kept("curl", call, "in"))["value"], *value);
        let arguments = project.kept("curl", call, "args");
        assert!(
            arguments.contains(&format!("/env-vars/{name}\n")),
            "{arguments}"
        );
    }
}

#[test]
fn vercel() {
    let project = Project::whole();
    let _done = project.script(&scripts("vercel.md")[0]);
    let sent = json(&project.kept("curl", 0, "in"));
    for (sent, (name, value)) in sent.as_array().unwrap().iter().zip(VALUES) {
        assert_eq!(
            (&sent["key"], &sent["value"]),
            (&name.into(), &value.into())
        );
        assert_eq!(sent["type"], "sensitive");
    }
}

#[test]
fn railway() {
    let project = Project::whole();
    let _done = project.script(&scripts("railway.md")[0]);
    let sent = json(&project.kept("curl", 0, "in"));
    assert_eq!(sent["variables"]["input"]["variables"], all());
    assert_eq!(sent["variables"]["input"]["skipDeploys"], true);
}

#[test]
fn docker() {
    let scripts = scripts("docker.md");
    assert_eq!(scripts.len(), 3);
    let project = Project::whole();
    for script in &scripts {
        let _done = project.script(script);
    }
    let build = variables(&project.kept("docker", 0, "env"));
    assert_eq!(build["NPM_TOKEN"], "invented-npm-token");
    assert!(!build.contains_key("API_KEY") && !build.contains_key("MVX_AGE_KEY"));
    assert_eq!(
        variables(&project.kept("docker", 1, "env"))["API_KEY"],
        VALUES[0].1
    );
    assert_eq!(project.kept("docker", 2, "file"), VALUES[3].1);
    let file = variables(&project.kept("docker", 2, "env"))["TLS_KEY"].clone();
    assert!(!Path::new(&file).exists(), "it is gone with the command");
}

#[test]
fn kubernetes() {
    let project = Project::whole();
    let _done = project.script(&scripts("kubernetes.md")[0]);
    let manifest = yaml(&project.kept("kubectl", 0, "in"));
    assert_eq!(manifest["kind"], "Secret");
    assert_eq!(manifest["metadata"]["name"], "shop");
    assert_eq!(manifest["metadata"]["namespace"], "shop");
    assert_eq!(manifest["stringData"], all());
}

#[test]
fn direnv() {
    let blocks = blocks("direnv.md");
    let [(mark, envrc)] = blocks.as_slice() else {
        panic!("{blocks:?}");
    };
    assert_eq!(mark, "sh .envrc");
    let project = Project::whole();
    project.repo.write(".envrc", envrc);
    let real = Command::new("direnv").arg("version").output().is_ok();
    let script = if real {
        "direnv allow . && direnv exec . ./deploy.sh"
    } else {
        // What direnv's own library gives a file to use.
        "watch_file() { :; }; set -a; . ./.envrc; ./deploy.sh"
    };
    let _done = project.script(script);
    project.was_deployed();
}

#[test]
fn scanning() {
    let pages = blocks("scan.md");
    let [(_, github), (_, gitlab)] = pages.as_slice() else {
        panic!("{pages:?}");
    };
    let project = Project::whole();
    project.repo.commit();
    let leak = format!("token = \"{}\"\n", crate::scan::token(1));
    project.repo.write("a.py", leak);
    project.repo.commit();
    let ids = project.repo.shell("git rev-parse HEAD~1 HEAD");
    let ids: Vec<&str> = ids.stdout().lines().collect();
    let github = yaml(github)["jobs"]["scan"]["steps"][1]["run"].clone();
    let gitlab = yaml(gitlab)["secret_detection"]["script"][0].clone();
    for (script, names) in [
        (github, ["BASE", "HEAD"]),
        (gitlab, ["CI_MERGE_REQUEST_DIFF_BASE_SHA", "CI_COMMIT_SHA"]),
    ] {
        let environment = names.iter().zip(&ids);
        let environment = environment.map(|(name, id)| ((*name).into(), (*id).into()));
        let outcome = project.bash(script.as_str().unwrap(), &environment.collect());
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        let written = fs::read_to_string(project.path("gl-secret-detection-report.json"));
        let said = outcome.stdout().to_owned() + &written.unwrap_or_default();
        assert!(
            said.contains("a.py") && !said.contains(&crate::scan::token(1)),
            "{said}"
        );
    }
}

/// A page that nothing runs would go stale.
#[test]
fn every_page_is_run() {
    let tests = fs::read_to_string(repository().join("tests/it/recipes.rs")).unwrap();
    for entry in fs::read_dir(repository().join("docs/ci")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name == "README.md" || tests.contains(&format!("(\"{name}\")")),
            "docs/ci/{name} is not run"
        );
    }
}
