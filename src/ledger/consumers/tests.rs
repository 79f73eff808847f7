use proptest::prelude::*;

use super::{Kind, Sought};
use crate::keypath::KeyPath;

/// `LINE:NAME` of each use.
fn found(names: &[&str], path: &str, text: &str) -> Vec<String> {
    let mut sought = Sought::default();
    for name in names {
        sought.variable(name);
    }
    let uses = sought.uses(path, text.as_bytes());
    uses.iter()
        .map(|one| format!("{}:{}", one.line, names[one.name]))
        .collect()
}

fn is_read(path: &str, text: &str) -> bool {
    !found(&["API_KEY"], path, text).is_empty()
}

#[test]
fn reads_are_found_in_many_languages() {
    for (path, text) in [
        ("a.js", "const key = process.env.API_KEY;"),
        ("a.ts", "process.env['API_KEY'] ?? ''"),
        ("a.ts", "process.env?.API_KEY"),
        ("a.ts", "import.meta.env.API_KEY"),
        ("a.ts", "Deno.env.get(\"API_KEY\")"),
        ("a.ts", "const { PORT, API_KEY } = process.env;"),
        (
            "a.ts",
            "const {\n  API_KEY: key = '{}',\n  PORT,\n}: Env = process.env",
        ),
        ("a.ts", "import { API_KEY } from '$env/static/private';"),
        ("a.ts", "createEnv({ server: { API_KEY: z.string() } })"),
        ("worker.ts", "await fetch(url, { key: c.env.API_KEY })"),
        (
            "env.d.ts",
            "interface ImportMetaEnv {\n  readonly X: string\n  API_KEY?: string\n}",
        ),
        ("a.py", "os.environ[\"API_KEY\"]"),
        ("a.py", "os.environ.get('API_KEY', '')"),
        ("a.py", "os.getenv( 'API_KEY' )"),
        ("a.py", "os.getenv(\n    'API_KEY',\n)"),
        ("a.py", "env(\"API_KEY\")"),
        ("a.py", "config('API_KEY', default='')"),
        ("a.py", "class Settings(BaseSettings):\n    api_key: str\n"),
        ("a.rs", "std::env::var(\"API_KEY\")?"),
        ("a.rs", "env!(\"API_KEY\")"),
        ("a.rs", "#[arg(long, env = \"API_KEY\")]"),
        ("a.go", "os.Getenv(\"API_KEY\")"),
        ("a.go", "os.LookupEnv(`API_KEY`)"),
        ("a.go", "Key string `env:\"API_KEY,required\"`"),
        ("a.go", "viper.BindEnv(\"key\", \"API_KEY\")"),
        ("A.java", "System.getenv(\"API_KEY\")"),
        ("A.java", "@Value(\"${API_KEY:none}\")"),
        ("A.kt", "System.getenv()[\"API_KEY\"]"),
        ("application.yml", "key: ${API_KEY}"),
        ("application.properties", "app.key=${API_KEY:}"),
        ("a.rb", "ENV.fetch('API_KEY')"),
        ("a.rb", "ENV['API_KEY']"),
        ("a.php", "$_ENV['API_KEY']"),
        ("a.php", "env('API_KEY', null)"),
        ("A.cs", "Environment.GetEnvironmentVariable(\"API_KEY\")"),
        ("A.cs", "builder.Configuration[\"API_KEY\"]"),
        ("a.ex", "System.fetch_env!(\"API_KEY\")"),
        ("a.c", "getenv (\"API_KEY\")"),
        ("a.pl", "$ENV{API_KEY}"),
        (
            "a.swift",
            "ProcessInfo.processInfo.environment[\"API_KEY\"]",
        ),
        ("run.sh", "curl -H \"$API_KEY\""),
        ("run", "#!/bin/sh\necho $API_KEY"),
        ("run.sh", "docker run -e API_KEY app"),
        ("run.sh", "mvx get secrets/a.enc.yaml API_KEY"),
        ("a.ps1", "$env:API_KEY"),
        ("a.cmd", "echo %API_KEY%"),
        ("Makefile", "\tcurl $(API_KEY)"),
        ("Dockerfile", "ARG API_KEY"),
        ("Dockerfile.web", "ENV API_KEY=none"),
        ("Dockerfile", "RUN --mount=type=secret,id=API_KEY true"),
        ("compose.yml", "- KEY=${API_KEY:-none}"),
        ("compose.yml", "environment:\n  - API_KEY\n"),
        ("compose.yml", "environment:\n  API_KEY:\n"),
        (".github/workflows/a.yml", "key: ${{ secrets.API_KEY }}"),
        (".github/workflows/a.yml", "key: ${{ secrets['API_KEY'] }}"),
        (".github/workflows/a.yml", "key: ${{ vars.API_KEY }}"),
        (".gitlab-ci.yml", "script: deploy $API_KEY"),
        ("Jenkinsfile", "KEY = credentials('API_KEY')"),
        ("deploy.yaml", "  secretKeyRef: { name: app, key: API_KEY }"),
        ("deploy.yaml", "  secretKeyRef:\n    key: API_KEY\n"),
        ("templates/a.yaml", "key: {{ .Values.API_KEY | quote }}"),
        ("main.tf", "variable \"API_KEY\" {}"),
        ("main.tf", "token = var.API_KEY"),
        ("app.service", "PassEnvironment=HOME API_KEY"),
        ("app.service", "LoadCredential=API_KEY:/run/key"),
        ("nginx.conf.template", "set $key ${API_KEY};"),
        ("Caddyfile", "header X {$API_KEY}"),
        ("turbo.json", "{\"globalEnv\": [\"API_KEY\"]}"),
        ("task.json", "{\"name\": \"API_KEY\", \"valueFrom\": \"x\"}"),
        (".env.example", "API_KEY=\n"),
        ("wrapper.ts", "required(\"API_KEY\")"),
        ("ci.yml", "run: \"jq -n '{\\\"API_KEY\\\": 1}'\""),
    ] {
        assert!(is_read(path, text), "{path}: {text}");
    }
}

#[test]
fn what_is_no_read_is_passed_over() {
    for (path, text) in [
        ("a.js", "process.env[name]"),
        ("a.js", "const price = $API_KEY"),
        ("a.js", "const API_KEY = 1; use(API_KEY, x)"),
        ("a.js", "const { API_KEY } = options"),
        ("a.js", "process.env.API_KEY_2 + process.env.MY_API_KEY"),
        ("a.js", "process.env.api_key"),
        ("a.py", "class Plain:\n    api_key: str\n"),
        ("README.md", "Set `API_KEY` or ${API_KEY}."),
        ("notes.txt", "The API_KEY was renewed."),
        ("a.yaml", "text: the API_KEY was renewed"),
        ("data.bin", "\0process.env.API_KEY"),
    ] {
        assert!(!is_read(path, text), "{path}: {text}");
    }
}

#[test]
fn a_name_that_others_have_too_counts_only_where_it_is_read() {
    let found = |path, text| !found(&["password"], path, text).is_empty();
    assert!(!found("a.js", "input('password')"));
    assert!(!found("a.yaml", "password: x"));
    assert!(found("a.js", "process.env.password"));
    assert!(found(
        "deploy.yaml",
        "secretKeyRef: {name: app, key: password}"
    ));
}

#[test]
fn key_paths_are_found_as_configurations_spell_them() {
    let key = KeyPath::parse("db.password").unwrap();
    let mut sought = Sought::default();
    let name = sought.variable("DB_PASSWORD");
    sought.path(&key, name);
    for (path, text) in [
        ("A.java", "@Value(\"${db.password}\")"),
        ("a.go", "viper.GetString(\"db.password\")"),
        ("A.cs", "Configuration[\"Db:Password\"]"),
        ("compose.yml", "- Db__Password=${X}"),
        ("templates/a.yaml", "{{ .Values.db.password }}"),
        ("run.sh", "mvx get secrets/a.enc.yaml db.password"),
    ] {
        assert_eq!(sought.uses(path, text.as_bytes()).len(), 1, "{text}");
    }
    assert!(sought.uses("a.js", b"if (db.password) {}").is_empty());
    let mut sought = Sought::default();
    sought.variable("TF_VAR_db_password");
    assert_eq!(sought.uses("main.tf", b"x = var.db_password").len(), 1);
}

#[test]
fn lines_are_counted_and_names_told_once_a_line() {
    let text = "\n$A_1 ${A_1}\n\n$B_1 $A_1\n";
    assert_eq!(
        found(&["A_1", "B_1"], "x.sh", text),
        ["2:A_1", "4:B_1", "4:A_1"]
    );
}

#[test]
fn an_example_is_called_one() {
    let mut sought = Sought::default();
    sought.variable("API_KEY");
    let uses = sought.uses("web/.env.example", b"# API_KEY=\n");
    assert_eq!(uses[0].kind, Kind::Example);
    assert_eq!(uses[0].language, "example");
}

proptest! {
    #[test]
    fn nothing_breaks_it(
        text in proptest::collection::vec(any::<u8>(), 0..200),
        path in ".{0,12}",
    ) {
        let mut sought = Sought::default();
        sought.variable("A_B");
        sought.variable("TF_VAR_");
        sought.variable("");
        sought.uses(&path, &text);
    }

    /// Wherever a read stands among others, it is found, on its line.
    #[test]
    fn lines_are_right(lines in proptest::collection::vec(0_usize..6, 0..40)) {
        let spelled = [
            "", "process.env.A_B", "x(\"A_B\")", "// é { \" '", "const {A_B} = process.env", "`",
        ];
        let text: Vec<&str> = lines.iter().map(|one| spelled[*one]).collect();
        let expected: Vec<String> = (1..)
            .zip(&lines)
            .filter(|(_, one)| matches!(one, 1 | 2 | 4))
            .map(|(line, _)| format!("{line}:A_B"))
            .collect();
        prop_assert_eq!(found(&["A_B"], "a.js", &text.join("\n")), expected);
    }
}
