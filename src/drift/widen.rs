//! Whether one set of permissions gives more than another.
//!
//! What is compared is effective privilege, not text: the actions on resources, under
//! conditions, that some allow gives and no deny takes. A statement split in two, or
//! moved, is the same; a removed deny or condition is wider.
//!
//! A set is contained in another when every allow of it, less the denies that take
//! all of one dimension, lies within one allow of the other, and every deny of the
//! other that reaches into it is met by a deny of its own. Where that fails, a single
//! point (one action on one resource) that one side lets through and the other does
//! not is the proof of widening. Where neither is found the answer is *undecidable*,
//! and the caller treats it as possibly wider. Of two different conditions one may or
//! may not imply the other; where that cannot be told they are taken to be unrelated.
//!
//! Limits (a permissions boundary) give nothing; they cut what is given.

mod condition;
mod variable;

use condition::{Test, implies, tests};
use variable::{closed, opened};

use crate::model::{Effect, Pattern, Permission, PermissionSet, Sym};

/// What stands for `*` in the points that are tried.
const FILLS: &[&str] = &["any", "zq9", "", "other/other"];

/// Most texts tried for one side of a comparison.
const MAX_SAMPLED: usize = 48;

/// What became of a set of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Widening {
    /// Gives exactly what it gave.
    Same,
    /// Gives less.
    Narrower,
    /// Gives more.
    Wider {
        /// What it gives in addition, in a few words.
        what: String,
    },
    /// May give more.
    Undecidable {
        /// Why it cannot be told.
        why: String,
    },
}

/// Compares all that was given with all that is given. A deny takes from every
/// document of its holder, so a comparison that is to notice a lost deny needs all of
/// the holder's documents on both sides, not those of one entitlement alone.
pub fn widens(old: &[PermissionSet], new: &[PermissionSet]) -> Widening {
    widens_within((old, None), (new, None))
}

/// Some permissions, and what limits them.
pub type Limited<'a> = (&'a [PermissionSet], Option<&'a PermissionSet>);

/// Like [`widens`], where limits cut what is given.
pub fn widens_within(old: Limited<'_>, new: Limited<'_>) -> Widening {
    let (old, new) = (Rules::of(old), Rules::of(new));
    if old.source == new.source && old.limit_source == new.limit_source {
        return Widening::Same;
    }
    match new.exceeds(&old) {
        None => match old.exceeds(&new) {
            None => Widening::Same,
            Some(_) => Widening::Narrower,
        },
        Some(Excess::Certain(what)) => Widening::Wider {
            what: opened(&what),
        },
        Some(Excess::Possible(why)) => Widening::Undecidable { why: opened(&why) },
    }
}

/// What one side has and the other may lack.
enum Excess {
    Certain(String),
    Possible(String),
}

/// The statements of one side.
struct Rules {
    /// Sorted, each once.
    source: Vec<Permission>,
    allows: Vec<Rule>,
    /// Those of the limits too.
    denies: Vec<Rule>,
    /// The allows of the limits, where there are limits.
    limits: Option<Vec<Rule>>,
    limit_source: Option<Vec<Permission>>,
}

struct Rule {
    actions: List,
    resources: List,
    conditions: Vec<Test>,
}

/// Some actions on some resources, given under conditions.
#[derive(Clone)]
struct Part<'a> {
    action: Region<'a>,
    resource: Region<'a>,
    conditions: Vec<Test>,
}

/// A list of patterns, or everything but.
struct List {
    patterns: Vec<Pattern>,
    not: bool,
}

/// One of a list's alternatives: everything within a pattern, exceptions aside.
#[derive(Clone)]
struct Region<'a> {
    within: Pattern,
    except: Vec<&'a Pattern>,
}

impl List {
    fn new(list: &[Sym], not: bool, compile: impl Fn(&str) -> Pattern) -> Self {
        let mut patterns: Vec<Pattern> = Vec::new();
        for pattern in list.iter().map(|text| compile(text)) {
            if patterns.iter().any(|kept| kept.covers(&pattern)) {
                continue;
            }
            patterns.retain(|kept| !pattern.covers(kept));
            patterns.push(pattern);
        }
        List { patterns, not }
    }

    fn regions(&self) -> Vec<Region<'_>> {
        if self.not {
            return vec![Region {
                within: Pattern::glob("*"),
                except: self.patterns.iter().collect(),
            }];
        }
        let region = |pattern: &Pattern| Region {
            within: pattern.clone(),
            except: Vec::new(),
        };
        self.patterns.iter().map(region).collect()
    }

    /// Whether all of `region` is in the list.
    fn covers(&self, region: &Region<'_>) -> bool {
        if self.not {
            self.patterns.iter().all(|pattern| region.avoids(pattern))
        } else {
            self.patterns
                .iter()
                .any(|pattern| pattern.covers(&region.within))
        }
    }

    /// Whether all of `other` is in the list.
    fn covers_list(&self, other: &List) -> bool {
        other.regions().iter().all(|region| self.covers(region))
    }

    /// Whether some of `region` may be in the list.
    fn touches(&self, region: &Region<'_>) -> bool {
        if self.not {
            !self
                .patterns
                .iter()
                .any(|pattern| pattern.covers(&region.within))
        } else {
            self.patterns.iter().any(|pattern| !region.avoids(pattern))
        }
    }

    fn has(&self, text: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(text)) != self.not
    }
}

impl<'a> Region<'a> {
    /// Whether nothing that `pattern` matches is in the region.
    fn avoids(&self, pattern: &Pattern) -> bool {
        match self.within.intersection(pattern) {
            None => true,
            Some(_) => self
                .except
                .iter()
                .any(|except| except.covers(pattern) || except.covers(&self.within)),
        }
    }

    /// What of the region is in a list. Where that has no simple form the region
    /// itself, which holds it.
    fn within(&self, list: &'a List) -> Vec<Region<'a>> {
        if list.not {
            let mut left = self.clone();
            left.except.extend(&list.patterns);
            return vec![left];
        }
        let mut met = Vec::new();
        for pattern in &list.patterns {
            if pattern.covers(&self.within) {
                return vec![self.clone()];
            }
            if self.within.covers(pattern) {
                met.push(Region {
                    within: pattern.clone(),
                    except: self.except.clone(),
                });
            } else if self.within.overlaps(pattern) {
                return vec![self.clone()];
            }
        }
        met
    }

    /// What is left of the region without a list. Where that has no simple form the
    /// region itself, which holds it.
    fn without(&self, list: &'a List) -> Vec<Region<'a>> {
        if !list.not {
            let mut left = self.clone();
            left.except.extend(&list.patterns);
            return vec![left];
        }
        let mut left = Vec::new();
        for pattern in &list.patterns {
            if pattern.covers(&self.within) {
                return vec![self.clone()];
            }
            if self.within.covers(pattern) {
                left.push(Region {
                    within: pattern.clone(),
                    except: self.except.clone(),
                });
            } else if self.within.overlaps(pattern) {
                return vec![self.clone()];
            }
        }
        left
    }

    fn has(&self, text: &str) -> bool {
        self.within.matches(text) && !self.except.iter().any(|except| except.matches(text))
    }

    /// A few texts in the region.
    fn samples(&self) -> Vec<String> {
        self.samples_of(&self.within)
    }

    /// A few texts that are in the region and match one of `patterns`.
    fn samples_in(&self, patterns: &[Pattern]) -> Vec<String> {
        let both = patterns
            .iter()
            .filter_map(|pattern| self.within.intersection(pattern));
        both.flat_map(|both| self.samples_of(&both)).collect()
    }

    /// A few texts that are in the region and match `pattern`.
    fn samples_with(&self, list: &List) -> Vec<String> {
        if list.not {
            let all = self.samples().into_iter();
            return all.filter(|text| list.has(text)).collect();
        }
        self.samples_in(&list.patterns)
    }

    fn samples_of(&self, pattern: &Pattern) -> Vec<String> {
        let mut samples: Vec<String> = FILLS
            .iter()
            .map(|fill| pattern.sample(fill))
            .filter(|text| self.has(text))
            .collect();
        samples.dedup();
        samples
    }
}

impl Rule {
    fn new(permission: &Permission) -> Self {
        let fold = |text: &str| Pattern::glob(&text.to_ascii_lowercase());
        Rule {
            actions: List::new(&permission.actions, permission.not_actions, fold),
            resources: List::new(&permission.resources, permission.not_resources, |text| {
                Pattern::glob(&closed(text))
            }),
            conditions: tests(permission.condition),
        }
    }

    fn has(&self, action: &str, resource: &str) -> bool {
        self.actions.has(action) && self.resources.has(resource)
    }

    /// Whether this rule applies whenever one under `conditions` does.
    fn holds_under(&self, conditions: &[Test]) -> bool {
        implies(conditions, &self.conditions)
    }
}

impl Rules {
    fn of((sets, limits): Limited<'_>) -> Self {
        let mut source: Vec<Permission> = sets
            .iter()
            .flat_map(|set| set.permissions.iter().cloned())
            .collect();
        source.sort();
        source.dedup();
        let rules = |source: &[Permission], effect| -> Vec<Rule> {
            let list = source
                .iter()
                .filter(|permission| permission.effect == effect);
            list.map(Rule::new).collect()
        };
        let limit_source = limits.map(|set| {
            let mut source = set.permissions.clone();
            source.sort();
            source.dedup();
            source
        });
        let mut denies = rules(&source, Effect::Deny);
        if let Some(limits) = &limit_source {
            denies.extend(rules(limits, Effect::Deny));
        }
        Rules {
            allows: rules(&source, Effect::Allow),
            denies,
            limits: limit_source
                .as_ref()
                .map(|limits| rules(limits, Effect::Allow)),
            source,
            limit_source,
        }
    }

    /// What `self` gives and `other` may not.
    fn exceeds(&self, other: &Rules) -> Option<Excess> {
        let mut possible = None;
        for allow in &self.allows {
            for part in self.left_of(allow) {
                match self.compare(&part, other) {
                    Some(Excess::Certain(what)) => return Some(Excess::Certain(what)),
                    Some(Excess::Possible(why)) => possible = possible.or(Some(why)),
                    None => {}
                }
            }
        }
        possible.map(Excess::Possible)
    }

    /// The parts of an allow within the limits, less the denies that take a whole
    /// dimension of them.
    fn left_of<'a>(&'a self, allow: &'a Rule) -> Vec<Part<'a>> {
        let mut parts = Vec::new();
        for action in allow.actions.regions() {
            for resource in allow.resources.regions() {
                parts.push(Part {
                    action: action.clone(),
                    resource,
                    conditions: allow.conditions.clone(),
                });
            }
        }
        if let Some(limits) = &self.limits {
            parts = parts
                .iter()
                .flat_map(|part| limits.iter().flat_map(|limit| part.within(limit)))
                .collect();
        }
        for deny in &self.denies {
            let mut left = Vec::with_capacity(parts.len());
            for part in parts {
                if !deny.holds_under(&part.conditions) {
                    left.push(part);
                } else if deny.actions.covers(&part.action) {
                    let rest = part.resource.without(&deny.resources).into_iter();
                    left.extend(rest.map(|resource| Part {
                        resource,
                        ..part.clone()
                    }));
                } else if deny.resources.covers(&part.resource) {
                    let rest = part.action.without(&deny.actions).into_iter();
                    left.extend(rest.map(|action| Part {
                        action,
                        ..part.clone()
                    }));
                } else {
                    left.push(part);
                }
            }
            parts = left;
        }
        let empty = |region: &Region<'_>| {
            let mut except = region.except.iter();
            except.any(|except| except.covers(&region.within))
        };
        parts.retain(|part| !empty(&part.action) && !empty(&part.resource));
        parts
    }

    /// Whether one allow, within one limit, gives all of the part.
    fn covers(&self, part: &Part<'_>) -> bool {
        let one = |rules: &[Rule]| {
            rules.iter().any(|rule| {
                rule.holds_under(&part.conditions)
                    && rule.actions.covers(&part.action)
                    && rule.resources.covers(&part.resource)
            })
        };
        one(&self.allows) && self.limits.as_deref().is_none_or(one)
    }

    /// Compares one part of what is given with all of the other side.
    fn compare(&self, part: &Part<'_>, other: &Rules) -> Option<Excess> {
        let Part {
            action, resource, ..
        } = part;
        let mut possible = None;
        if !other.covers(part) {
            match self.ungiven(part, other) {
                Excess::Certain(what) => return Some(Excess::Certain(what)),
                Excess::Possible(why) => possible = Some(why),
            }
        }
        for deny in &other.denies {
            if !deny.actions.touches(action) || !deny.resources.touches(resource) {
                continue;
            }
            let met = self.denies.iter().any(|own| {
                own.holds_under(&deny.conditions)
                    && (own.actions.covers(action) || own.actions.covers_list(&deny.actions))
                    && (own.resources.covers(resource)
                        || own.resources.covers_list(&deny.resources))
            });
            if met {
                continue;
            }
            match self.undenied(part, deny) {
                Excess::Certain(what) => return Some(Excess::Certain(what)),
                Excess::Possible(why) => possible = possible.or(Some(why)),
            }
        }
        possible.map(Excess::Possible)
    }

    /// Whether the limits let a point through in any case.
    fn within_limits(&self, action: &str, resource: &str) -> bool {
        self.limits.as_ref().is_none_or(|limits| {
            limits
                .iter()
                .any(|limit| limit.conditions.is_empty() && limit.has(action, resource))
        })
    }

    /// Looks for a point of the part that the other side does not give.
    fn ungiven(&self, part: &Part<'_>, other: &Rules) -> Excess {
        let Part {
            action,
            resource,
            conditions,
        } = part;
        // What the other side leaves out is where it most likely gives less.
        let (mut acts, mut ons) = (action.samples(), resource.samples());
        let whole = (acts.len(), ons.len());
        let others = other.allows.iter().chain(other.limits.iter().flatten());
        for rule in others.take(MAX_SAMPLED) {
            if rule.actions.not {
                acts.extend(action.samples_in(&rule.actions.patterns));
            }
            if rule.resources.not {
                ons.extend(resource.samples_in(&rule.resources.patterns));
            }
        }
        acts.truncate(MAX_SAMPLED);
        ons.truncate(MAX_SAMPLED);
        let points = acts
            .iter()
            .enumerate()
            .flat_map(|act| ons.iter().enumerate().map(move |on| (act, on)));
        for ((act_at, act), (on_at, on)) in points {
            // A deny of one's own makes it uncertain, unless there is a case in
            // which it does not hold.
            let mut own = self.denies.iter().filter(|deny| deny.has(act, on));
            let denied = match (own.next(), own.next()) {
                (None, _) => false,
                (Some(one), None) => one.holds_under(conditions),
                (Some(_), Some(_)) => true,
            };
            if denied || !self.within_limits(act, on) {
                continue;
            }
            // The whole part where an arbitrary point of it is new.
            let named = |region: &Region<'_>, at: usize, arbitrary: usize, text: &str| {
                if at < arbitrary {
                    region.to_string()
                } else {
                    text.to_owned()
                }
            };
            let action = named(action, act_at, whole.0, act);
            let resource = named(resource, on_at, whole.1, on);
            let given = |rules: &[Rule], under: &dyn Fn(&Rule) -> bool| {
                rules.iter().any(|rule| rule.has(act, on) && under(rule))
            };
            let somehow = |rules: &[Rule]| given(rules, &|_| true);
            if !somehow(&other.allows) || !other.limits.as_deref().is_none_or(somehow) {
                return Excess::Certain(format!("{action} on {resource}"));
            }
            let freely = |rules: &[Rule]| given(rules, &|rule| rule.conditions.is_empty());
            let free = freely(&other.allows) && other.limits.as_deref().is_none_or(freely);
            if conditions.is_empty() && !free {
                let what = format!("{action} on {resource} without a condition");
                return Excess::Certain(what);
            }
            // The same conditions but one: what it kept out is let in.
            let strictly =
                |rules: &[Rule]| !given(rules, &|rule| !implies(&rule.conditions, conditions));
            let wider = |rules: &[Rule]| {
                !given(rules, &|rule| rule.holds_under(conditions)) && strictly(rules)
            };
            if wider(&other.allows) {
                let what = format!("{action} on {resource} under a weaker condition");
                return Excess::Certain(what);
            }
        }
        Excess::Possible(if conditions.is_empty() {
            format!("{action} on {resource} overlaps what was given before")
        } else {
            format!("{action} on {resource} is given under another condition")
        })
    }

    /// Looks for a point of the part that the other side denies and this one does not.
    fn undenied(&self, part: &Part<'_>, deny: &Rule) -> Excess {
        let Part {
            action,
            resource,
            conditions,
        } = part;
        let comparable = conditions.is_empty() || deny.holds_under(conditions);
        let (mut acts, mut ons) = (
            action.samples_with(&deny.actions),
            resource.samples_with(&deny.resources),
        );
        // What one's own denies leave out is where they most likely deny less.
        for own in self.denies.iter().take(MAX_SAMPLED) {
            if own.actions.not {
                let left = action.samples_in(&own.actions.patterns).into_iter();
                acts.extend(left.filter(|act| deny.actions.has(act)));
            }
            if own.resources.not {
                let left = resource.samples_in(&own.resources.patterns).into_iter();
                ons.extend(left.filter(|on| deny.resources.has(on)));
            }
        }
        acts.truncate(MAX_SAMPLED);
        ons.truncate(MAX_SAMPLED);
        for act in &acts {
            for on in &ons {
                let own: Vec<&Rule> = self.denies.iter().filter(|own| own.has(act, on)).collect();
                // A deny that holds in fewer cases lets the others through.
                let weaker = conditions.is_empty()
                    && own.iter().all(|own| {
                        implies(&own.conditions, &deny.conditions)
                            && !own.holds_under(&deny.conditions)
                    });
                if comparable && weaker && self.within_limits(act, on) {
                    return Excess::Certain(format!("{act} on {on}, which was denied"));
                }
                if comparable && own.is_empty() && self.within_limits(act, on) {
                    return Excess::Certain(format!("{act} on {on}, which was denied"));
                }
            }
        }
        Excess::Possible(format!("a deny of {action} on {resource} changed"))
    }
}

impl<'a> Part<'a> {
    /// What of the part a limit lets through.
    fn within(&self, limit: &'a Rule) -> Vec<Part<'a>> {
        let mut conditions = self.conditions.clone();
        conditions.extend(limit.conditions.iter().cloned());
        conditions.sort();
        conditions.dedup();
        let mut parts = Vec::new();
        for action in self.action.within(&limit.actions) {
            for resource in self.resource.within(&limit.resources) {
                parts.push(Part {
                    action: action.clone(),
                    resource,
                    conditions: conditions.clone(),
                });
            }
        }
        parts
    }
}

impl std::fmt::Display for Region<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.within)?;
        for (at, except) in self.except.iter().enumerate() {
            f.write_str(if at == 0 { " except " } else { ", " })?;
            write!(f, "{except}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
