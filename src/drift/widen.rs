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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn statement(effect: Effect, actions: &[&str], resources: &[&str]) -> Permission {
        let list = |list: &[&str]| list.iter().map(|text| Sym::new(text)).collect();
        Permission {
            effect,
            actions: list(actions),
            not_actions: false,
            resources: list(resources),
            not_resources: false,
            condition: None,
        }
    }

    fn allow(actions: &[&str], resources: &[&str]) -> Permission {
        statement(Effect::Allow, actions, resources)
    }

    fn deny(actions: &[&str], resources: &[&str]) -> Permission {
        statement(Effect::Deny, actions, resources)
    }

    fn when(permission: Permission, condition: &str) -> Permission {
        Permission {
            condition: Some(Sym::new(condition)),
            ..permission
        }
    }

    fn compare(old: &[Permission], new: &[Permission]) -> Widening {
        let set = |list: &[Permission]| [PermissionSet::new(list.to_vec())];
        widens(&set(old), &set(new))
    }

    #[track_caller]
    fn wider(old: &[Permission], new: &[Permission]) {
        let found = compare(old, new);
        assert!(matches!(found, Widening::Wider { .. }), "{found:?}");
    }

    #[test]
    fn text_does_not_matter() {
        let whole = [allow(&["s3:Get*", "s3:Put*"], &["a", "b"])];
        let split = [
            allow(&["s3:put*"], &["b", "a"]),
            allow(&["s3:get*"], &["a"]),
            allow(&["s3:Get*", "s3:GetObject"], &["b"]),
        ];
        assert_eq!(compare(&whole, &split), Widening::Same);
        assert_eq!(compare(&split, &whole), Widening::Same);
        let excepted = Permission {
            not_actions: true,
            ..allow(&["iam:*"], &["*"])
        };
        let denied = [allow(&["*"], &["*"]), deny(&["iam:*"], &["*"])];
        assert_eq!(
            compare(std::slice::from_ref(&excepted), &denied),
            Widening::Same
        );
        assert_eq!(
            compare(&denied, std::slice::from_ref(&excepted)),
            Widening::Same
        );
        // A deny takes from all statements, an exception from its own only.
        wider(&denied, &[excepted, allow(&["iam:*"], &["x"])]);
    }

    #[test]
    fn more_is_wider_and_less_is_narrower() {
        let one = [allow(&["s3:*"], &["*"])];
        let two = [allow(&["s3:*", "dynamodb:*"], &["*"])];
        assert_eq!(
            compare(&one, &two),
            Widening::Wider {
                what: "dynamodb:* on *".to_owned()
            }
        );
        assert_eq!(compare(&two, &one), Widening::Narrower);
        wider(&[allow(&["s3:*"], &["a*"])], &one);
        wider(&[], &one);
        assert_eq!(compare(&one, &[]), Widening::Narrower);
    }

    #[test]
    fn a_removed_deny_is_wider() {
        let guarded = [allow(&["s3:*"], &["*"]), deny(&["s3:Delete*"], &["prod/*"])];
        let open = [allow(&["s3:*"], &["*"])];
        assert_eq!(
            compare(&guarded, &open),
            Widening::Wider {
                what: "s3:deleteany on prod/any, which was denied".to_owned()
            }
        );
        assert_eq!(compare(&open, &guarded), Widening::Narrower);
        let halved = [allow(&["s3:*"], &["*"]), deny(&["s3:Delete*"], &["prod/x"])];
        wider(&guarded, &halved);
        let conditional = [
            allow(&["s3:*"], &["*"]),
            when(deny(&["s3:Delete*"], &["prod/*"]), "mfa"),
        ];
        wider(&guarded, &conditional);
        wider(&conditional, &open);
        // A deny of something that is not given does not matter.
        let idle = [allow(&["s3:*"], &["*"]), deny(&["iam:*"], &["*"])];
        assert_eq!(compare(&idle, &open), Widening::Same);
    }

    #[test]
    fn a_removed_condition_is_wider_and_another_one_may_be() {
        let plain = [allow(&["s3:*"], &["*"])];
        let mfa = [when(allow(&["s3:*"], &["*"]), "mfa")];
        let vpc = [when(allow(&["s3:*"], &["*"]), "vpc")];
        wider(&mfa, &plain);
        assert_eq!(compare(&plain, &mfa), Widening::Narrower);
        assert!(matches!(compare(&mfa, &vpc), Widening::Undecidable { .. }));
    }

    const ACTIONS: &[&str] = &["*", "a:*", "a:x", "b:*", "?:x"];
    const RESOURCES: &[&str] = &["*", "r*", "r1", "*1"];

    fn permission() -> impl Strategy<Value = Permission> {
        let some = |of: &'static [&'static str]| {
            proptest::collection::vec(proptest::sample::select(of), 1..3)
        };
        let condition = prop_oneof![
            3 => Just(None),
            1 => Just(Some(Sym::new("c"))),
            1 => Just(Some(Sym::new("d"))),
        ];
        let effect = prop_oneof![2 => Just(Effect::Allow), 1 => Just(Effect::Deny)];
        let flags = (proptest::bool::weighted(0.2), proptest::bool::weighted(0.2));
        (effect, some(ACTIONS), some(RESOURCES), flags, condition).prop_map(
            |(effect, actions, resources, (not_actions, not_resources), condition)| Permission {
                not_actions,
                not_resources,
                condition,
                ..statement(effect, &actions, &resources)
            },
        )
    }

    fn permissions() -> impl Strategy<Value = Vec<Permission>> {
        proptest::collection::vec(permission(), 0..4)
    }

    /// Everything the permissions give, over a world that has a point for every way
    /// the patterns above can be told apart, and all that the search samples.
    fn world(list: &[Permission]) -> Vec<bool> {
        let rules = Rules::of(&[PermissionSet::new(list.to_vec())]);
        let actions = [
            "a:x", "a:any", "a:zq9", "a:", "b:any", "b:x", "x:x", "any", "zq9", "q:x", "",
        ];
        let resources = ["r1", "r", "rany", "any1", "any", "zq9", "", "1", "rzq9"];
        let mut given = Vec::new();
        for action in actions {
            for resource in resources {
                for truth in 0..4 {
                    let holds = |rule: &&Rule| match rule.condition.as_deref() {
                        None => true,
                        Some("c") => truth & 1 != 0,
                        Some(_) => truth & 2 != 0,
                    };
                    let hit = |rules: &[Rule]| {
                        rules
                            .iter()
                            .filter(holds)
                            .any(|rule| rule.has(action, resource))
                    };
                    given.push(hit(&rules.allows) && !hit(&rules.denies));
                }
            }
        }
        given
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        #[test]
        fn what_is_said_is_true(old in permissions(), new in permissions()) {
            let (was, is) = (world(&old), world(&new));
            let more = was.iter().zip(&is).any(|(was, is)| *is && !was);
            let less = was.iter().zip(&is).any(|(was, is)| *was && !is);
            match compare(&old, &new) {
                Widening::Same => prop_assert!(!more && !less),
                Widening::Narrower => prop_assert!(!more),
                Widening::Wider { what } => prop_assert!(more, "{}", what),
                Widening::Undecidable { .. } => {}
            }
        }

        #[test]
        fn one_side_mirrors_the_other(old in permissions(), new in permissions()) {
            let (there, back) = (compare(&old, &new), compare(&new, &old));
            prop_assert_eq!(there == Widening::Same, back == Widening::Same);
            if there == Widening::Narrower {
                let wider = matches!(back, Widening::Wider { .. } | Widening::Undecidable { .. });
                prop_assert!(wider, "{:?}", back);
            }
        }

        #[test]
        fn order_and_documents_do_not_matter(list in permissions(), at in 0usize..4) {
            prop_assert_eq!(compare(&list, &list), Widening::Same);
            let (head, tail) = list.split_at(at.min(list.len()));
            let whole = [PermissionSet::new(list.clone())];
            let parts = [PermissionSet::new(tail.to_vec()), PermissionSet::new(head.to_vec())];
            prop_assert_eq!(widens(&whole, &parts), Widening::Same);
        }

        #[test]
        fn a_statement_split_in_two_is_the_same(list in permissions()) {
            let split: Vec<Permission> = list
                .iter()
                .flat_map(|permission| {
                    let part = |actions: &[Sym]| Permission {
                        actions: actions.into(),
                        ..permission.clone()
                    };
                    match &*permission.actions {
                        [first, rest @ ..] if !permission.not_actions && !rest.is_empty() => {
                            vec![part(&[*first]), part(rest)]
                        }
                        _ => vec![permission.clone()],
                    }
                })
                .collect();
            for found in [compare(&list, &split), compare(&split, &list)] {
                let wider = matches!(found, Widening::Wider { .. });
                prop_assert!(!wider, "{:?}", found);
            }
        }
    }
}
