//! Which rights the audit log shows in use.
//!
//! The server's own annotation names only the first binding that allowed a request, so
//! every request is put to the authorizer again: a binding that would have sufficed is
//! used too, not unused because another came first.

use jiff::{SignedDuration, Timestamp};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Cluster;
use crate::model::{Coverage, Entitlement, Moment, Seen, Sym};
use crate::resolve::kubernetes::aggregate::Effective;
use crate::resolve::kubernetes::audit::{Asked, AuditLog};
use crate::resolve::kubernetes::evaluate::{Evaluator, Grant, Request, rule_allows};
use crate::resolve::kubernetes::rbac::Rule;

/// Most unused rules of a role that are named.
const NAMED: usize = 8;

/// What was used, and when last.
#[derive(Debug, Default)]
pub(super) struct Usage {
    window: Option<(Timestamp, Timestamp)>,
    /// By binding and subject.
    grants: FxHashMap<(u32, u32), Use>,
    users: FxHashMap<Sym, Timestamp>,
    /// Who wrote a binding (namespace, name) last.
    writers: FxHashMap<(Sym, Sym), (Timestamp, Sym)>,
    pub tokens: FxHashMap<(Sym, Sym), Timestamp>,
    unreadable: usize,
}

#[derive(Debug)]
struct Use {
    last: Timestamp,
    rules: FxHashSet<(u32, u32)>,
}

impl Usage {
    /// Puts every request of the log to the authorizer.
    pub fn of(log: &AuditLog, evaluator: &Evaluator<'_>) -> Self {
        let granted: Vec<_> = log
            .asked
            .par_iter()
            .map(|(asked, &time)| (grants(evaluator, asked), time))
            .collect();
        let mut usage = Usage {
            window: log.window,
            tokens: log.tokens.clone(),
            unreadable: log.unreadable,
            ..Usage::default()
        };
        for (grants, time) in granted {
            for (key, rules) in grants {
                let used = usage.grants.entry(key).or_insert_with(|| Use {
                    last: time,
                    rules: FxHashSet::default(),
                });
                used.last = time.max(used.last);
                used.rules
                    .extend(rules.iter().map(|rule| (rule.role, rule.rule)));
            }
        }
        for (asked, &time) in &log.asked {
            let last = usage.users.entry(asked.user).or_insert(time);
            *last = time.max(*last);
            if writes_binding(asked) {
                let key = (asked.namespace, asked.name);
                let writer = usage.writers.entry(key).or_insert((time, asked.user));
                *writer = (*writer).max((time, asked.user));
            }
        }
        usage
    }
}

/// Whether a request made or changed a binding of a name.
fn writes_binding(asked: &Asked) -> bool {
    asked.group == "rbac.authorization.k8s.io"
        && matches!(
            asked.resource.as_str(),
            "rolebindings" | "clusterrolebindings"
        )
        && matches!(asked.verb.as_str(), "create" | "update" | "patch")
        && !asked.name.is_empty()
}

/// Binding and subject of each grant, with all rules of the role that allow the request.
fn grants(evaluator: &Evaluator<'_>, asked: &Asked) -> Vec<((u32, u32), Vec<Effective>)> {
    let request = Request {
        verb: &asked.verb,
        group: &asked.group,
        resource: &asked.resource,
        subresource: &asked.subresource,
        namespace: &asked.namespace,
        name: &asked.name,
        url: asked.url.as_ref().map(|url| url.as_str()),
    };
    evaluator
        .grants(&asked.user, &asked.groups, &request)
        .filter_map(|grant| match grant {
            Grant::Masters => None,
            Grant::Binding {
                binding,
                role,
                subject,
                ..
            } => {
                let rules = evaluator.rules(role).iter().copied();
                let allowing = rules.filter(|&rule| rule_allows(evaluator.rule(rule), &request));
                Some(((binding, subject), allowing.collect()))
            }
        })
        .collect()
}

impl Cluster<'_> {
    /// When somebody last asked for anything.
    pub(super) fn last_seen(&self, user: Sym) -> Moment {
        let usage = self.usage.as_ref();
        Moment::or_unknown(usage.and_then(|usage| usage.users.get(&user)).copied())
    }

    /// Says of an entitlement whether it was used in the log's time.
    pub(super) fn set_usage(&self, fact: &mut Entitlement, binding: u32, subject: usize) {
        let Some((usage, (from, to))) = self
            .usage
            .as_ref()
            .and_then(|usage| Some((usage, usage.window?)))
        else {
            return;
        };
        let meta = &self.evaluator.bindings[binding as usize].meta;
        let writer = usage.writers.get(&(meta.namespace, meta.name));
        fact.attrs
            .set_some("written_by", writer.map(|(_, who)| *who));
        let Some(role) = self.evaluator.role_of(binding) else {
            return;
        };
        let Some(used) = usage.grants.get(&(binding, subject as u32)) else {
            // What is younger than the log was not there all the time.
            let start = fact.since.map_or(from, |since| since.max(from));
            let length = to.duration_since(start).max(SignedDuration::ZERO);
            fact.attrs.set("unused_for", length);
            return;
        };
        fact.last_used = Moment::At(used.last);
        let idle: Vec<Sym> = self
            .evaluator
            .rules(role)
            .iter()
            .filter(|rule| !used.rules.contains(&(rule.role, rule.rule)))
            .map(|&rule| Sym::new(&brief(self.evaluator.rule(rule))))
            .take(NAMED)
            .collect();
        if !idle.is_empty() {
            fact.attrs.set("unused_rules", idle);
        }
    }

    pub(super) fn cover_usage(&mut self) {
        let Some(usage) = &self.usage else { return };
        let (kind, tenant) = ("kubernetes.audit-log", self.tenant);
        let system = super::SYSTEM;
        let coverage = match usage.unreadable {
            0 => Coverage::complete(system, tenant, kind, usage.users.len()),
            lines => Coverage::lacking(
                system,
                tenant,
                kind,
                Seen::Partial,
                format!(
                    "{lines} lines of the audit log are no events; what they tell was not counted as use"
                ),
            ),
        };
        self.build.coverage(coverage);
    }

    /// First and last event of the log.
    pub(super) fn audit_window(&self) -> Option<(Timestamp, Timestamp)> {
        self.usage.as_ref()?.window
    }
}

/// `create, delete pods, pods/exec`
fn brief(rule: &Rule) -> String {
    let join = |list: &[Sym]| {
        let words: Vec<&str> = list.iter().map(|word| word.as_str()).collect();
        words.join(", ")
    };
    let about = match rule.resources.is_empty() {
        true => join(&rule.urls),
        false => join(&rule.resources),
    };
    format!("{} {about}", join(&rule.verbs))
}
