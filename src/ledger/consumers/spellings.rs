//! How programs and configurations spell the names of variables: tables, and nothing that decides.

use super::Kind;

/// What a file is, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A program; `$NAME` is a variable of the environment in it.
    Shell,
    /// A program; `$NAME` is none.
    Code,
    /// JavaScript and what becomes it.
    Script,
    /// Python, for the fields of settings.
    Python,
    /// A configuration: names stand there without quotes.
    Config,
    /// The names that a program wants, with no values.
    Example,
    /// A text for people: names in it are mentioned, not read.
    Prose,
}

/// Languages by the ends of file names, in lower case. The first that fits counts.
pub(super) const LANGUAGES: &[(&str, Class, &[&str])] = &[
    (
        "example",
        Class::Example,
        &[
            ".env.example",
            ".env.sample",
            ".env.template",
            ".env.dist",
            ".env.defaults",
            "env.example",
            "example.env",
            "sample.env",
        ],
    ),
    (
        "text",
        Class::Prose,
        &[
            ".md",
            ".markdown",
            ".rst",
            ".adoc",
            ".asciidoc",
            ".org",
            ".tex",
            ".po",
            ".csv",
            ".tsv",
            ".svg",
            ".lock",
            "license",
            "-lock.json",
            "-lock.yaml",
            "go.sum",
            ".snap",
        ],
    ),
    (
        "JavaScript",
        Class::Script,
        &[
            ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".vue", ".svelte",
            ".astro", ".mdx",
        ],
    ),
    ("Python", Class::Python, &[".py", ".pyi", ".ipynb"]),
    ("Rust", Class::Code, &[".rs"]),
    ("Go", Class::Code, &[".go", ".tmpl", ".gotmpl"]),
    ("Java", Class::Code, &[".java"]),
    ("Kotlin", Class::Code, &[".kt", ".kts"]),
    ("Scala", Class::Code, &[".scala", ".sbt"]),
    (
        "Groovy",
        Class::Shell,
        &[".groovy", ".gradle", "jenkinsfile"],
    ),
    (
        "C#",
        Class::Code,
        &[".cs", ".cshtml", ".razor", ".fs", ".vb"],
    ),
    (
        "Ruby",
        Class::Code,
        &[".rb", ".erb", ".rake", "gemfile", "rakefile", "fastfile"],
    ),
    ("PHP", Class::Code, &[".php"]),
    ("Elixir", Class::Code, &[".ex", ".exs"]),
    ("Perl", Class::Code, &[".pl", ".pm"]),
    ("Swift", Class::Code, &[".swift"]),
    ("Dart", Class::Code, &[".dart"]),
    ("C", Class::Code, &[".c", ".h", ".cc", ".cpp", ".hpp"]),
    ("Terraform", Class::Config, &[".tf", ".tfvars", ".hcl"]),
    (
        "Dockerfile",
        Class::Shell,
        &["dockerfile", ".dockerfile", "containerfile"],
    ),
    (
        "Make",
        Class::Shell,
        &["makefile", ".mk", "justfile", "taskfile"],
    ),
    ("PowerShell", Class::Shell, &[".ps1", ".psm1"]),
    (
        "shell",
        Class::Shell,
        &[
            ".sh", ".bash", ".zsh", ".fish", ".envrc", ".bashrc", ".profile",
        ],
    ),
    ("YAML", Class::Config, &[".yml", ".yaml"]),
    ("JSON", Class::Config, &[".json", ".jsonc", ".json5"]),
    ("TOML", Class::Config, &[".toml"]),
    (
        "systemd",
        Class::Config,
        &[".service", ".container", ".timer", ".socket"],
    ),
    ("properties", Class::Config, &[".properties"]),
    (
        "configuration",
        Class::Config,
        &[".ini", ".cfg", ".conf", ".cnf", ".env", ".config"],
    ),
    ("XML", Class::Config, &[".xml", ".plist", ".csproj"]),
];

/// Words and a bracket (a blank for none) before a name in quotes. Letters of either case, and blanks
/// where a language allows them. The first that fits counts.
pub(super) const BEFORE_QUOTES: &[(&str, char)] = &[
    // process.env["X"], os.environ["X"], ENV["X"], $_ENV["X"], secrets["X"], $ENV{'X'}
    ("env", '['),
    ("env?.", '['),
    ("environ", '['),
    ("_server", '['),
    ("secrets", '['),
    ("vars", '['),
    ("env", '{'),
    ("configuration", '['),
    ("config", '['),
    ("environment", '['),
    // env("X"), getenv("X"), os.Getenv("X"), System.getenv("X"), get_env("X"), requireEnv("X")
    ("env", '('),
    ("environ", '('),
    ("env!", '('),
    ("environ.get", '('),
    ("environ.pop", '('),
    ("environ.setdefault", '('),
    ("env.get", '('),
    ("env.fetch", '('),
    ("env.fetch", ' '),
    ("env.key?", '('),
    ("env.str", '('),
    ("env.int", '('),
    ("env.bool", '('),
    ("env.url", '('),
    ("env.list", '('),
    ("env.json", '('),
    ("env.db", '('),
    ("env.db_url", '('),
    ("env::var", '('),
    ("env::var_os", '('),
    ("var", '('),
    ("var_os", '('),
    ("secure_getenv", '('),
    ("getenvironmentvariable", '('),
    ("lookupenv", '('),
    ("fetch_env!", '('),
    ("fetch_env", '('),
    ("get_env", ' '),
    ("env", ' '),
    ("mustenv", '('),
    ("bindenv", '('),
    ("config", '('),
    ("config.get", '('),
    ("getstring", '('),
    ("getproperty", '('),
    ("getvalue", '('),
    ("getorthrow", '('),
    ("getsection", '('),
    ("fromenvironment", '('),
    ("credentials", '('),
    ("alias=", ' '),
    ("validation_alias=", ' '),
    ("env=", ' '),
    ("env =", ' '),
    ("variable", ' '),
    ("key:", ' '),
    ("key\":", ' '),
];

/// What stands directly before a name, in which classes of files (all where none is named), and what
/// a name is there. Letters of either case.
pub(super) const BEFORE_NAMES: &[(&str, &[Class], Kind)] = &[
    // process.env.X, import.meta.env.X, Bun.env.X, c.env.X, ENV.X
    ("env.", &[], Kind::Environment),
    ("env?.", &[], Kind::Environment),
    ("environ.", &[], Kind::Environment),
    ("environment.", &[], Kind::Environment),
    ("secrets.", &[], Kind::Environment),
    ("vars.", &[], Kind::Environment),
    ("var.", &[Class::Config], Kind::Environment),
    (".values.", &[], Kind::Reference),
    // tags of Go: `env:"X,required"`
    ("env:\"", &[], Kind::Environment),
    ("envconfig:\"", &[], Kind::Environment),
    ("$env:", &[], Kind::Environment),
    ("{env:", &[], Kind::Environment),
    ("env{", &[], Kind::Environment),
    ("${", &[], Kind::Reference),
    ("${!", &[], Kind::Reference),
    ("{$", &[], Kind::Reference),
    ("$(", &[Class::Shell, Class::Config], Kind::Reference),
    (
        "$",
        &[Class::Shell, Class::Config, Class::Example],
        Kind::Reference,
    ),
    ("%(env_", &[], Kind::Reference),
    ("printenv ", &[], Kind::Environment),
    ("export ", &[Class::Shell, Class::Config], Kind::Environment),
    ("arg ", &[Class::Shell], Kind::Environment),
    ("env ", &[Class::Shell], Kind::Environment),
    ("-e ", &[], Kind::Environment),
    ("--env ", &[], Kind::Environment),
    ("--env=", &[], Kind::Environment),
    ("--build-arg ", &[], Kind::Environment),
    ("--build-arg=", &[], Kind::Environment),
    ("id=", &[], Kind::Environment),
    ("env=", &[], Kind::Environment),
    ("secret=", &[], Kind::Environment),
    ("passenvironment=", &[], Kind::Environment),
    ("environment=", &[], Kind::Environment),
    ("importcredential=", &[], Kind::Environment),
    ("loadcredential=", &[], Kind::Environment),
    ("loadcredentialencrypted=", &[], Kind::Environment),
    ("key: ", &[Class::Config], Kind::Name),
];

/// What stands somewhere before a name on its line, which is that of a command then.
pub(super) const ON_THE_LINE: &[&str] = &["mvx ", "sops ", "unset ", "PassEnvironment="];

/// What names are taken out of: `const { NAME } = process.env`.
pub(super) const TAKEN_OUT_OF: &[&str] = &[
    "process.env",
    "import.meta.env",
    "Bun.env",
    "Deno.env",
    "env",
    "context.env",
    "ctx.env",
    "c.env",
    "'$env",
    "\"$env",
];

/// What a script has somewhere that says which variables it wants: `STRIPE_KEY: z.string()`.
pub(super) const SCHEMAS: &[&str] = &[
    "process.env",
    "import.meta.env",
    "createEnv",
    "cleanEnv",
    "ProcessEnv",
    "ImportMetaEnv",
    "interface Env",
    "Bindings",
];

/// What Python has in a file whose classes have variables for fields.
pub(super) const SETTINGS: &[&str] = &["BaseSettings", "BaseConfig"];
