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
//! and the caller treats it as possibly wider. Conditions are compared as texts: two
//! different ones may or may not imply each other.

use crate::model::{Effect, Pattern, Permission, PermissionSet, Sym};

/// What stands for `*` in the points that are tried.
const FILLS: &[&str] = &["any", "zq9", "", "other/other"];

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
    let (old, new) = (Rules::of(old), Rules::of(new));
    if old.source == new.source {
        return Widening::Same;
    }
    match new.exceeds(&old) {
        None => match old.exceeds(&new) {
            None => Widening::Same,
            Some(_) => Widening::Narrower,
        },
        Some(Excess::Certain(what)) => Widening::Wider { what },
        Some(Excess::Possible(why)) => Widening::Undecidable { why },
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
    denies: Vec<Rule>,
}

struct Rule {
    actions: List,
    resources: List,
    condition: Option<Sym>,
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

    /// A few texts that are in the region and match `pattern`.
    fn samples_with(&self, list: &List) -> Vec<String> {
        if list.not {
            let all = self.samples().into_iter();
            return all.filter(|text| list.has(text)).collect();
        }
        let both = list
            .patterns
            .iter()
            .filter_map(|pattern| self.within.intersection(pattern));
        both.flat_map(|both| self.samples_of(&both)).collect()
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
            resources: List::new(
                &permission.resources,
                permission.not_resources,
                Pattern::glob,
            ),
            condition: permission.condition,
        }
    }

    fn has(&self, action: &str, resource: &str) -> bool {
        self.actions.has(action) && self.resources.has(resource)
    }

    /// Whether this rule applies whenever one under `condition` does.
    fn holds_under(&self, condition: Option<Sym>) -> bool {
        self.condition.is_none() || self.condition == condition
    }
}

impl Rules {
    fn of(sets: &[PermissionSet]) -> Self {
        let mut source: Vec<Permission> = sets
            .iter()
            .flat_map(|set| set.permissions.iter().cloned())
            .collect();
        source.sort();
        source.dedup();
        let rules = |effect| {
            let list = source
                .iter()
                .filter(|permission| permission.effect == effect);
            list.map(Rule::new).collect()
        };
        Rules {
            allows: rules(Effect::Allow),
            denies: rules(Effect::Deny),
            source,
        }
    }

    /// What `self` gives and `other` may not.
    fn exceeds(&self, other: &Rules) -> Option<Excess> {
        let mut possible = None;
        for allow in &self.allows {
            for (action, resource) in self.left_of(allow) {
                match self.compare(allow, &action, &resource, other) {
                    Some(Excess::Certain(what)) => return Some(Excess::Certain(what)),
                    Some(Excess::Possible(why)) => possible = possible.or(Some(why)),
                    None => {}
                }
            }
        }
        possible.map(Excess::Possible)
    }

    /// The parts of an allow, less the denies that take a whole dimension of them.
    fn left_of<'a>(&'a self, allow: &'a Rule) -> Vec<(Region<'a>, Region<'a>)> {
        let mut parts = Vec::new();
        for action in allow.actions.regions() {
            for resource in allow.resources.regions() {
                parts.push((action.clone(), resource));
            }
        }
        let denies = self.denies.iter();
        for deny in denies.filter(|deny| deny.holds_under(allow.condition)) {
            let mut left = Vec::with_capacity(parts.len());
            for (action, resource) in parts {
                if deny.actions.covers(&action) {
                    let rest = resource.without(&deny.resources).into_iter();
                    left.extend(rest.map(|resource| (action.clone(), resource)));
                } else if deny.resources.covers(&resource) {
                    let rest = action.without(&deny.actions).into_iter();
                    left.extend(rest.map(|action| (action, resource.clone())));
                } else {
                    left.push((action, resource));
                }
            }
            parts = left;
        }
        let empty = |region: &Region<'_>| {
            let mut except = region.except.iter();
            except.any(|except| except.covers(&region.within))
        };
        parts.retain(|(action, resource)| !empty(action) && !empty(resource));
        parts
    }

    /// Compares one part of an allow with all of the other side.
    fn compare(
        &self,
        allow: &Rule,
        action: &Region<'_>,
        resource: &Region<'_>,
        other: &Rules,
    ) -> Option<Excess> {
        let given = other.allows.iter().any(|rule| {
            rule.holds_under(allow.condition)
                && rule.actions.covers(action)
                && rule.resources.covers(resource)
        });
        let mut possible = None;
        if !given {
            match self.ungiven(allow, action, resource, other) {
                Excess::Certain(what) => return Some(Excess::Certain(what)),
                Excess::Possible(why) => possible = Some(why),
            }
        }
        for deny in &other.denies {
            if !deny.actions.touches(action) || !deny.resources.touches(resource) {
                continue;
            }
            let met = self.denies.iter().any(|own| {
                own.holds_under(deny.condition)
                    && (own.actions.covers(action) || own.actions.covers_list(&deny.actions))
                    && (own.resources.covers(resource)
                        || own.resources.covers_list(&deny.resources))
            });
            if met {
                continue;
            }
            match self.undenied(allow, action, resource, deny) {
                Excess::Certain(what) => return Some(Excess::Certain(what)),
                Excess::Possible(why) => possible = possible.or(Some(why)),
            }
        }
        possible.map(Excess::Possible)
    }

    /// Looks for a point of the part that the other side does not give.
    fn ungiven(
        &self,
        allow: &Rule,
        action: &Region<'_>,
        resource: &Region<'_>,
        other: &Rules,
    ) -> Excess {
        for act in action.samples() {
            for on in resource.samples() {
                // A deny of one's own, even a conditional one, makes it uncertain.
                if self.denies.iter().any(|deny| deny.has(&act, &on)) {
                    continue;
                }
                let mut given = other
                    .allows
                    .iter()
                    .filter(|rule| rule.has(&act, &on))
                    .peekable();
                if given.peek().is_none() {
                    return Excess::Certain(format!("{action} on {resource}"));
                }
                if allow.condition.is_none() && given.all(|rule| rule.condition.is_some()) {
                    let what = format!("{action} on {resource} without a condition");
                    return Excess::Certain(what);
                }
            }
        }
        Excess::Possible(match allow.condition {
            Some(condition) => {
                format!("{action} on {resource} under another condition: {condition}")
            }
            None => format!("{action} on {resource} overlaps what was given before"),
        })
    }

    /// Looks for a point of the part that the other side denies and this one does not.
    fn undenied(
        &self,
        allow: &Rule,
        action: &Region<'_>,
        resource: &Region<'_>,
        deny: &Rule,
    ) -> Excess {
        let comparable = allow.condition.is_none() || deny.holds_under(allow.condition);
        for act in action.samples_with(&deny.actions) {
            for on in resource.samples_with(&deny.resources) {
                let mut own = self
                    .denies
                    .iter()
                    .filter(|own| own.has(&act, &on))
                    .peekable();
                let undenied = own.peek().is_none()
                    || (deny.condition.is_none()
                        && allow.condition.is_none()
                        && own.all(|own| own.condition.is_some()));
                if comparable && undenied {
                    return Excess::Certain(format!("{act} on {on}, which was denied"));
                }
            }
        }
        Excess::Possible(format!("a deny of {action} on {resource} changed"))
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
