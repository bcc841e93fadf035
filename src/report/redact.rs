//! Reports that can be shown to others: names and ids replaced by pseudonyms.
//!
//! The same text gets the same pseudonym in every report, so findings still join and
//! two reports can be compared. It is a hash without a key: whoever guesses a name can
//! check the guess, so a redacted report hides names from readers, not from somebody
//! who already knows whom to look for. Quoted documents are left out altogether.

use std::borrow::Cow;

use rustc_hash::{FxHashMap, FxHashSet};
use sha2::{Digest, Sha256};

use super::Outcome;
use crate::model::{Evidence, Finding, Location, Step, Subject, Sym, System};

/// Shorter texts (`*`, `ci`) are no names worth hiding, and stand in other words.
const SHORTEST: usize = 3;

/// `outcome` with every name, id, file and owner replaced.
pub fn redacted(outcome: &Outcome) -> Outcome {
    let names = Names::of(outcome);
    let mut hidden = outcome.clone();
    for target in &mut hidden.targets {
        *target = names.target(target);
    }
    for finding in &mut hidden.findings {
        names.finding(finding);
    }
    for part in &mut hidden.coverage {
        part.tenant = names.sym(part.tenant);
        part.reason = names.text(&part.reason).into();
        part.remedy = part.remedy.take().map(|text| names.text(&text).into());
    }
    if let Some(changes) = &mut hidden.changes {
        changes.baseline = names.file(&changes.baseline);
        for change in &mut changes.items {
            change.tenant = names.sym(change.tenant);
            names.subject(&mut change.subject);
            change.what = names.text(&change.what).into();
            for text in [&mut change.before, &mut change.after, &mut change.by] {
                *text = text.take().map(|text| names.text(&text).into());
            }
        }
    }
    for note in &mut hidden.exceptions {
        note.owner = names.sym(note.owner);
        note.covers = names.text(&note.covers).into();
        note.reason = names.text(&note.reason).into();
    }
    for line in &mut hidden.timelines {
        line.tenant = names.sym(line.tenant);
        line.grant = names.sym(line.grant);
        names.subject(&mut line.subject);
        line.what = names.text(&line.what).into();
        for id in &mut line.privileges {
            *id = Sym::new(&names.text(id));
        }
        for event in &mut line.events {
            event.by = event.by.map(|by| names.sym(by));
            event.note = event.note.take().map(|text| names.text(&text).into());
        }
        for gap in &mut line.gaps {
            *gap = names.text(gap).into();
        }
    }
    for notice in &mut hidden.notices {
        *notice = names.text(notice);
    }
    for who in &mut hidden.inventory.identities {
        who.tenant = names.sym(who.tenant);
        who.id = names.sym(who.id);
        who.uid = names.sym(who.uid);
        who.name = names.sym(who.name);
        who.owner = who.owner.map(|owner| names.sym(owner));
    }
    for tenant in &mut hidden.inventory.tenants {
        tenant.id = names.sym(tenant.id);
        tenant.name = names.sym(tenant.name);
    }
    hidden
}

/// The pseudonym of a text.
fn pseudonym(text: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"tenure-pseudonym-1\0");
    hash.update(text.as_bytes());
    let mut out = String::from("name-");
    for byte in hash.finalize().iter().take(5) {
        out.push_str(&format!("{byte:02x}"));
    }
    out
}

/// Every name there is, to be found again inside sentences.
struct Names {
    known: FxHashSet<&'static str>,
    /// Lengths of the names that begin with these three bytes, longest first.
    lengths: FxHashMap<[u8; SHORTEST], Vec<usize>>,
}

impl Names {
    fn of(outcome: &Outcome) -> Self {
        let mut known: FxHashSet<&'static str> = FxHashSet::default();
        let mut add = |name: Sym| {
            if name.len() >= SHORTEST {
                known.insert(name.as_str());
            }
            // People say `deployer` for `arn:…:role/deployer`.
            let tail = name.as_str().rsplit(['/', ':']).next().unwrap_or_default();
            if tail.len() >= SHORTEST {
                known.insert(tail);
            }
        };
        for finding in &outcome.findings {
            add(finding.tenant);
            add(finding.subject.id);
            add(finding.subject.name);
            for step in &finding.steps {
                add(step.from);
                add(step.to);
            }
            let steps = finding.steps.iter().flat_map(|step| &step.evidence);
            for evidence in finding.evidence.iter().chain(steps) {
                add(evidence.source);
            }
            if let Some(note) = &finding.suppressed {
                add(note.owner);
            }
        }
        for who in &outcome.inventory.identities {
            add(who.id);
            add(who.uid);
            add(who.name);
            who.owner.into_iter().for_each(&mut add);
        }
        for tenant in &outcome.inventory.tenants {
            add(tenant.id);
            add(tenant.name);
        }
        for fact in &outcome.inventory.credentials {
            add(fact.id);
            add(fact.name);
        }
        for fact in &outcome.inventory.entitlements {
            add(fact.privilege);
            add(fact.scope);
        }
        for change in outcome.changes.iter().flat_map(|changes| &changes.items) {
            add(change.tenant);
            add(change.subject.id);
            add(change.subject.name);
        }
        for note in &outcome.exceptions {
            add(note.owner);
        }
        for line in &outcome.timelines {
            add(line.subject.id);
            add(line.subject.name);
            for event in &line.events {
                event.by.into_iter().for_each(&mut add);
            }
        }
        for part in &outcome.coverage {
            add(part.tenant);
        }
        let mut lengths: FxHashMap<[u8; SHORTEST], Vec<usize>> = FxHashMap::default();
        for name in &known {
            if let Some(start) = name.as_bytes().first_chunk::<SHORTEST>() {
                lengths.entry(*start).or_default().push(name.len());
            }
        }
        for list in lengths.values_mut() {
            list.sort_unstable_by(|a, b| b.cmp(a));
            list.dedup();
        }
        Names { known, lengths }
    }

    /// A name by itself.
    fn sym(&self, name: Sym) -> Sym {
        if name.len() < SHORTEST {
            name
        } else {
            Sym::new(&pseudonym(&name))
        }
    }

    /// A sentence with every known name in it replaced, longest first.
    fn text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut in_word = false;
        while let Some(c) = rest.chars().next() {
            let found = (!in_word).then(|| self.name_at(rest)).flatten();
            if let Some(name) = found {
                out.push_str(&pseudonym(name));
                rest = &rest[name.len()..];
                in_word = true;
            } else {
                out.push(c);
                rest = &rest[c.len_utf8()..];
                in_word = c.is_alphanumeric();
            }
        }
        out
    }

    /// The longest known name at the start of `text` that ends with a word.
    fn name_at<'a>(&self, text: &'a str) -> Option<&'a str> {
        let start = text.as_bytes().first_chunk::<SHORTEST>()?;
        self.lengths.get(start)?.iter().find_map(|&length| {
            let name = text.get(..length)?;
            let ends = !text[length..]
                .chars()
                .next()
                .is_some_and(char::is_alphanumeric);
            (ends && self.known.contains(name)).then_some(name)
        })
    }

    /// `github:acme` keeps its system.
    fn target(&self, target: &str) -> String {
        match target.split_once(':') {
            Some((system, rest)) if system.parse::<System>().is_ok() => {
                format!("{system}:{}", pseudonym(rest))
            }
            _ if target.parse::<System>().is_ok() => target.to_owned(),
            _ => self.file(target),
        }
    }

    /// A file keeps its ending.
    fn file(&self, file: &str) -> String {
        let name = file.rsplit('/').next().unwrap_or(file);
        let ending: Cow<str> = match name.rsplit_once('.') {
            Some((_, ending))
                if (1..=5).contains(&ending.len())
                    && ending.bytes().all(|b| b.is_ascii_alphanumeric()) =>
            {
                format!(".{ending}").into()
            }
            _ => "".into(),
        };
        format!("{}{ending}", pseudonym(file))
    }

    fn place(&self, place: &mut Option<Location>) {
        if let Some(place) = place {
            place.file = Sym::new(&self.file(&place.file));
        }
    }

    fn subject(&self, subject: &mut Subject) {
        subject.id = self.sym(subject.id);
        subject.name = self.sym(subject.name);
    }

    fn finding(&self, finding: &mut Finding) {
        finding.tenant = self.sym(finding.tenant);
        self.subject(&mut finding.subject);
        finding.message = self.text(&finding.message).into();
        finding.fix = self.text(&finding.fix).into();
        finding.evidence.iter_mut().for_each(|it| self.evidence(it));
        finding.steps.iter_mut().for_each(|it| self.step(it));
        self.place(&mut finding.location);
        if let Some(note) = &mut finding.suppressed {
            note.owner = self.sym(note.owner);
            note.reason = self.text(&note.reason).into();
        }
    }

    fn evidence(&self, evidence: &mut Evidence) {
        evidence.what = self.text(&evidence.what).into();
        evidence.source = self.sym(evidence.source);
        evidence.excerpt = None;
        self.place(&mut evidence.location);
    }

    fn step(&self, step: &mut Step) {
        step.from = self.sym(step.from);
        step.to = self.sym(step.to);
        step.action = Sym::new(&self.text(&step.action));
        step.evidence.iter_mut().for_each(|it| self.evidence(it));
    }
}
