//! For which time a source's grants are in the ledger.

use jiff::Timestamp;

use super::{Book, Origin};
use crate::jit::ledger::event::{Data, Event, EventKind};
use crate::model::{EvidenceClass, GrantField, Quality, Seen, Sym};

/// A time of which the user says that the files hold everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
}

impl std::str::FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = |text: &str| {
            let text = text.trim();
            text.parse::<Timestamp>()
                .or_else(|_| format!("{text}T00:00:00Z").parse::<Timestamp>())
        };
        let bad = || {
            format!(
                "`{text}` is not a span of time; write `FROM..TO`, like \
                 `2026-01-01..2026-11-22T08:00:00Z`"
            )
        };
        let (from, to) = text.split_once("..").ok_or_else(bad)?;
        let (from, to) = (time(from).map_err(|_| bad())?, time(to).map_err(|_| bad())?);
        if from > to {
            return Err(format!("`{text}` ends before it begins"));
        }
        Ok(Window { from, to })
    }
}

/// What one source told about one system, as far as its records tell.
#[derive(Clone, Debug)]
pub(super) struct Span {
    origin: Origin,
    realm: Sym,
    /// Part and name of the tenant: `("cluster", "prod")`.
    tenant: Option<(&'static str, Sym)>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    seen: Seen,
    reason: String,
    quality: &'static [(GrantField, Quality)],
}

impl Span {
    /// The statement of the source.
    pub fn event(self, book: &Book<'_>) -> Event {
        let covers = book.options.covers;
        let (seen, reason) = match covers {
            // Records that could not be used are missing whatever the user says.
            _ if book.out.problem_count > 0 => (
                Seen::Partial,
                format!("{} records could not be used", book.out.problem_count),
            ),
            Some(_) => (Seen::Complete, String::new()),
            None => (self.seen, self.reason),
        };
        let mut event = book.event(&self.origin, EventKind::Coverage);
        let to = covers.map(|window| window.to).or(self.last);
        event.data = Data {
            system: Some(self.realm),
            scope: self
                .tenant
                .iter()
                .map(|(part, name)| (Sym::new(part), *name))
                .collect(),
            from: covers.map(|window| window.from).or(self.first),
            to,
            completeness: Some(if to.is_some() { seen } else { Seen::None }),
            reason: (!reason.is_empty()).then(|| reason.into()),
            quality: self.quality.iter().copied().collect(),
            ..Data::default()
        };
        event.at(to, Quality::Inferred)
    }
}

impl Book<'_> {
    /// Begins the statement of a source about a system, or goes on with it.
    ///
    /// `quality` is what the source can say about fields at all. `missing` is why its
    /// export does not prove that it holds everything; `None` if it does.
    pub(super) fn covers(
        &mut self,
        origin: &Origin,
        realm: &str,
        tenant: Option<(&'static str, Sym)>,
        quality: &'static [(GrantField, Quality)],
        missing: Option<&str>,
        times: &[Option<Timestamp>],
    ) {
        // What lies ahead (a start or an end that is planned) is not covered yet.
        let now = self.options.now;
        let mut times = times.iter().flatten().copied().filter(|at| *at <= now);
        let (first, last) = times.by_ref().fold((None, None), |(first, last), at| {
            (
                Some(first.map_or(at, |old: Timestamp| old.min(at))),
                Some(last.map_or(at, |old: Timestamp| old.max(at))),
            )
        });
        let same = |span: &&mut Span| {
            span.origin.system == origin.system
                && span.origin.instance == origin.instance
                && span.realm == realm
                && span.tenant == tenant
        };
        if let Some(span) = self.spans.iter_mut().find(same) {
            span.first = span.first.into_iter().chain(first).min();
            span.last = span.last.max(last);
            if let Some(missing) = missing.filter(|_| span.seen == Seen::Complete) {
                span.seen = Seen::Partial;
                span.reason = missing.to_owned();
            }
            return;
        }
        let name = if origin.instance.is_empty() {
            format!("source:{}", origin.system)
        } else {
            format!("source:{}/{}", origin.system, origin.instance)
        };
        self.spans.push(Span {
            origin: Origin {
                object: Sym::new(""),
                grant: Sym::new(&name),
                class: EvidenceClass::Exported,
                ..*origin
            },
            realm: Sym::new(realm),
            tenant,
            first,
            last,
            seen: match missing {
                None => Seen::Complete,
                Some(_) => Seen::Partial,
            },
            reason: missing.unwrap_or_default().to_owned(),
            quality,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        let window: Window = "2026-01-01..2026-11-22T08:00:00Z".parse().unwrap();
        assert_eq!(window.from.to_string(), "2026-01-01T00:00:00Z");
        for bad in ["", "2026-01-01", "x..y", "2026-02-01..2026-01-01"] {
            assert!(bad.parse::<Window>().is_err(), "{bad}");
        }
    }
}
