//! `tenure rules test`: every rule against its own tests.

use super::judge::{Court, tenants_of};
use super::registry::RuleSet;
use super::rule::{Rule, Test};

/// The outcome of all inline tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelfTest {
    /// Rules tested.
    pub rules: usize,
    /// Tests run.
    pub tests: usize,
    /// What went wrong, in the order of rules and tests.
    pub failures: Vec<Failure>,
}

/// A test a rule does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The rule's id.
    pub rule: String,
    /// The file of the rule.
    pub file: String,
    /// The line of the test.
    pub line: u32,
    /// What was expected, and what happened.
    pub message: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Failure {
            rule,
            file,
            line,
            message,
        } = self;
        write!(f, "{file}:{line}: {rule}: {message}")
    }
}

impl SelfTest {
    /// Whether every test passed.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Runs the tests of all rules.
pub(super) fn run(set: &RuleSet) -> SelfTest {
    let mut report = SelfTest::default();
    for rule in &set.rules {
        report.rules += 1;
        for test in &rule.tests {
            report.tests += 1;
            if let Err(message) = check(rule, test) {
                report.failures.push(Failure {
                    rule: rule.id.to_string(),
                    file: rule.file.clone(),
                    line: test.line,
                    message,
                });
            }
        }
    }
    report
}

fn check(rule: &Rule, test: &Test) -> Result<(), String> {
    let facts = &test.facts;
    let tenants = tenants_of(&facts.inventory);
    let court = Court::new(&facts.inventory, &tenants, &facts.limits, facts.now);
    let scope = court.scope(facts.fact());
    let holds = rule.condition.holds(&scope);
    if holds != test.matches {
        return Err(if test.matches {
            "the rule does not find this fact".to_owned()
        } else {
            format!("the rule finds this fact: {}", rule.message.render(&scope))
        });
    }
    let severity = rule.severity_for(&scope);
    match test.severity {
        Some(expected) if holds && severity != expected => {
            Err(format!("the severity is {severity}, expected {expected}"))
        }
        _ => Ok(()),
    }
}
