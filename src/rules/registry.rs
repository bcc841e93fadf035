//! The rules of a scan: those of the program, and the user's own.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use super::diagnostic::{Problem, RuleErrors, Source};
use super::judge::{Index, Judgement};
use super::node::read;
use super::rule::{Rule, compile};
use super::schema::Schema;
use super::selftest::{self, SelfTest};
use super::standards::Standards;
use crate::config::Config;
use crate::model::{Inventory, RuleCard};

/// Every `rules/*.yaml` that holds rules, with its text: `EMBEDDED`, by `build.rs`.
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/embedded_rules.rs"));
}

/// Compiled rules, in the order of their ids.
#[derive(Debug, Default)]
pub struct RuleSet {
    pub(super) rules: Vec<Rule>,
    pub(super) index: Index,
}

impl RuleSet {
    /// The rules that are part of the program.
    ///
    /// # Errors
    /// Everything that is wrong with them; tests keep this from happening.
    pub fn embedded() -> Result<RuleSet, RuleErrors> {
        RuleSet::default().with(
            embedded::EMBEDDED
                .iter()
                .map(|(name, text)| Source::new(*name, *text)),
        )
    }

    /// The rules in `text`, as read from a file called `name`.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn parse(name: &str, text: &str) -> Result<RuleSet, RuleErrors> {
        RuleSet::default().with([Source::new(name, text)])
    }

    /// Adds the rules of all `*.yaml` and `*.yml` files in a directory, in the order
    /// of their names. A file without `family:` is data for something else and left
    /// alone; a directory without any rules is an error.
    ///
    /// # Errors
    /// Everything that is wrong with them, and what cannot be read.
    pub fn with_dir(self, path: &Path) -> Result<RuleSet, RuleErrors> {
        let failed = |path: &Path, message: String| {
            let source = Source::new(path.display().to_string(), "");
            RuleErrors(vec![source.problem(0..0, message, "")])
        };
        let unreadable = |path: &Path, error: std::io::Error| {
            failed(path, format!("cannot read `{}`: {error}", path.display()))
        };
        let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, error))?;
        let mut files = Vec::new();
        for entry in entries {
            let file = entry.map_err(|error| unreadable(path, error))?.path();
            let extension = file.extension().and_then(|extension| extension.to_str());
            if matches!(extension, Some("yaml" | "yml")) && file.is_file() {
                files.push(file);
            }
        }
        files.sort();
        let mut sources = Vec::new();
        for file in files {
            let text = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
            let is_rules = text.lines().any(|line| line.starts_with("family:"));
            if is_rules {
                sources.push(Source::new(file.display().to_string(), text));
            }
        }
        // Rules that are not there find nothing, and nobody would notice.
        if sources.is_empty() {
            let message = format!(
                "`{}` holds no rules; expected *.yaml or *.yml files that begin with `family:`",
                path.display()
            );
            return Err(failed(path, message));
        }
        self.with(sources)
    }

    fn with(mut self, sources: impl IntoIterator<Item = Source>) -> Result<RuleSet, RuleErrors> {
        let standards = Standards::embedded()?;
        let schema = Schema::standard();
        let mut problems = Vec::new();
        for source in sources {
            match read(&source) {
                Ok(root) => {
                    let rules = compile(&source, &root, schema, standards, &mut problems);
                    self.rules.extend(rules);
                }
                Err(problem) => problems.push(problem),
            }
        }
        problems.extend(self.twins());
        if !problems.is_empty() {
            return Err(RuleErrors(problems));
        }
        self.finish();
        Ok(self)
    }

    /// Rules with the id or name of another.
    fn twins(&self) -> Vec<Problem> {
        let mut seen: FxHashMap<_, &Rule> = FxHashMap::default();
        let mut problems = Vec::new();
        for rule in &self.rules {
            for key in [rule.id, rule.name] {
                if let Some(first) = seen.insert(key, rule) {
                    let message = format!("`{key}` is taken: also in `{}`", first.file);
                    let source = Source::new(rule.file.clone(), "");
                    problems.push(source.problem(0..0, message, ""));
                }
            }
        }
        problems
    }

    fn finish(&mut self) {
        self.rules.sort_by_key(|rule| rule.id);
        self.index = Index::new(&self.rules);
    }

    /// Without the rules named by id or name.
    ///
    /// # Errors
    /// The names that no rule has, so that a misspelt one is noticed.
    pub fn disable<S: AsRef<str>>(mut self, names: &[S]) -> Result<RuleSet, Vec<String>> {
        let unknown: Vec<String> = names
            .iter()
            .map(AsRef::as_ref)
            .filter(|name| self.get(name).is_none())
            .map(str::to_owned)
            .collect();
        if !unknown.is_empty() {
            return Err(unknown);
        }
        self.rules.retain(|rule| {
            !names
                .iter()
                .any(|name| rule.id == *name.as_ref() || rule.name == *name.as_ref())
        });
        self.finish();
        Ok(self)
    }

    /// Judges every fact of an inventory. Pure: the same input gives the same result.
    pub fn judge(&self, inventory: &Inventory, config: &Config, now: Timestamp) -> Judgement {
        super::judge::judge(self, inventory, config, now)
    }

    /// Runs the inline tests of all rules.
    pub fn self_test(&self) -> SelfTest {
        selftest::run(self)
    }

    /// The rules, in the order of their ids.
    pub fn list(&self) -> &[Rule] {
        &self.rules
    }

    /// What reports say about the rules.
    pub fn cards(&self) -> Vec<RuleCard> {
        self.rules.iter().map(Rule::card).collect()
    }

    /// The rule with this id or name.
    pub fn get(&self, name: &str) -> Option<&Rule> {
        self.rules
            .iter()
            .find(|rule| rule.id == *name || rule.name == *name)
    }

    /// A rule's text for a terminal: what it finds, why, what to do, and by what.
    pub fn explain(&self, name: &str) -> Option<String> {
        let rule = self.get(name)?;
        let mut text = format!("{} {}\n", rule.id, rule.name);
        let mut paragraph = |title: &str, body: &str| {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "\n{title}\n");
            for line in body.trim().lines() {
                let _ = writeln!(text, "  {line}");
            }
        };
        paragraph("What it finds", &rule.summary);
        paragraph("Why it matters", &rule.why);
        paragraph("What to do", &rule.fix);
        paragraph(&format!("When (on: {})", rule.on()), &rule.when);
        let levels: Vec<String> = rule.cases.iter().map(|case| case.is.to_string()).collect();
        paragraph("Severity", &levels.join(", or "));
        if !rule.needs.is_empty() {
            let needs: Vec<&str> = rule.needs.iter().map(|need| need.as_str()).collect();
            paragraph("Not evaluable without", &needs.join("\n"));
        }
        let references: Vec<String> = rule
            .references
            .iter()
            .map(|reference| {
                let version = if reference.version.is_empty() {
                    String::new()
                } else {
                    format!(" {}", reference.version)
                };
                format!(
                    "{}{version} {}: {}",
                    reference.standard, reference.id, reference.name
                )
            })
            .collect();
        paragraph("References", &references.join("\n"));
        Some(text)
    }
}

/// Attributes of `inventory` that its resolvers did not declare, or declared with
/// another type, so that no rule can see them. Tests of resolvers expect none.
pub fn undeclared(inventory: &Inventory) -> Vec<String> {
    Schema::standard().undeclared(inventory)
}

/// The text about a rule of the program, by id or name.
pub fn explain(name: &str) -> Option<String> {
    RuleSet::embedded().ok()?.explain(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_the_program_load_and_pass_their_tests() {
        let rules = RuleSet::embedded().unwrap_or_else(|errors| panic!("\n{errors}\n"));
        let report = rules.self_test();
        let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
        assert!(report.passed(), "\n{}\n", failures.join("\n"));
    }

    #[test]
    fn the_standards_load() {
        Standards::embedded().unwrap_or_else(|errors| panic!("\n{errors}\n"));
    }
}
