//! The subjects a repository's workflows can have minted for them.
//!
//! GitHub's issuer builds `sub` from a prefix that names the repository and a context:
//! the environment if the job names one, else `pull_request`, else the ref ("OpenID
//! Connect reference"). The prefix is `repo:OWNER/NAME`, or with immutable subjects
//! `repo:OWNER@OWNER_ID/NAME@ID`. A template replaces both by a list of claims. A
//! colon inside a value is written `%3A`.

use jiff::Timestamp;

use crate::model::Sym;

/// Which form the prefix has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `repo:OWNER/NAME`: whoever gets the name later gets the subject.
    Name,
    /// `repo:OWNER@ID/NAME@ID`.
    Immutable,
}

/// Repositories made after this day have immutable subjects unless told otherwise
/// (GitHub changelog; not on Enterprise Server).
const IMMUTABLE_SINCE: &str = "2026-07-15T00:00:00Z";

/// What is known of a repository's subjects.
#[derive(Clone, Debug)]
pub struct Minter {
    /// `repo:…`, as the token carries it.
    pub prefix: String,
    /// The form of the prefix.
    pub format: Format,
    /// Claims of a template; empty for the default.
    pub template: Vec<String>,
    owner: String,
    owner_id: Option<u64>,
    name: String,
    id: Option<u64>,
    visibility: Option<String>,
}

/// What a job runs for. Decides the last part of the default subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A job that names an environment.
    Environment(String),
    /// Any environment nobody made yet: naming one in a workflow makes it.
    NewEnvironment,
    /// A pull request from a branch of the repository.
    PullRequest,
    /// A branch.
    Branch(String),
    /// Any branch a writer cares to push.
    AnyBranch,
    /// Any tag a writer cares to push.
    AnyTag,
}

impl Place {
    /// The context in a subject. `*` where a writer chooses freely.
    fn context(&self) -> String {
        match self {
            Place::Environment(name) => format!("environment:{}", escape(name)),
            Place::NewEnvironment => "environment:*".to_owned(),
            Place::PullRequest => "pull_request".to_owned(),
            Place::Branch(name) => format!("ref:refs/heads/{}", escape(name)),
            Place::AnyBranch => "ref:refs/heads/*".to_owned(),
            Place::AnyTag => "ref:refs/tags/*".to_owned(),
        }
    }

    /// The value of one claim, where it is known.
    fn claim(&self, claim: &str) -> Option<String> {
        match (claim, self) {
            ("environment", Place::Environment(name)) => Some(escape(name)),
            ("environment", Place::NewEnvironment) => Some("*".to_owned()),
            ("environment", _) => Some(String::new()),
            ("ref", Place::Branch(name)) => Some(format!("refs/heads/{}", escape(name))),
            ("event_name", Place::PullRequest) => Some("pull_request".to_owned()),
            _ => None,
        }
    }

    /// Claims that depend on what the job runs for, as [`Token`] has them.
    fn shown(&self, token: &mut Token) {
        let fixed = |name: &str, value: &str| Sym::new(&format!("{name}={value}"));
        match self {
            Place::Environment(name) => token.claims.push(fixed("environment", name)),
            Place::NewEnvironment => token.choices.push(Sym::new("environment=*")),
            Place::PullRequest => token.claims.push(fixed("event_name", "pull_request")),
            Place::Branch(name) => {
                let name = format!("refs/heads/{name}");
                token.claims.push(fixed("ref", &name));
                token.claims.push(fixed("ref_type", "branch"));
            }
            Place::AnyBranch => {
                token.choices.push(Sym::new("ref=refs/heads/*"));
                token.claims.push(fixed("ref_type", "branch"));
            }
            Place::AnyTag => {
                token.choices.push(Sym::new("ref=refs/tags/*"));
                token.claims.push(fixed("ref_type", "tag"));
            }
        }
        if !matches!(self, Place::Environment(_) | Place::NewEnvironment) {
            token.lacks.push(Sym::new("environment"));
        }
    }

    /// Whether a writer picks part of it.
    pub fn open(&self) -> bool {
        matches!(
            self,
            Place::NewEnvironment | Place::AnyBranch | Place::AnyTag
        )
    }
}

/// What a token shows besides its subject. Claims in none of the lists are not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// `claim=value`.
    pub claims: Vec<Sym>,
    /// `claim=pattern`: whoever writes the workflow chooses.
    pub choices: Vec<Sym>,
    /// Claims that are not in it.
    pub lacks: Vec<Sym>,
}

fn escape(value: &str) -> String {
    value.replace(':', "%3A")
}

/// A repository, as far as its subjects depend on it.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Login of the organisation.
    pub owner: &'a str,
    /// Its number.
    pub owner_id: Option<u64>,
    /// Name of the repository.
    pub name: &'a str,
    /// Its number.
    pub id: Option<u64>,
    /// Its visibility.
    pub visibility: Option<&'a str>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// On an Enterprise Server, which has no immutable subjects.
    pub server: bool,
}

impl Minter {
    /// The minter of a repository, from its own settings and the organisation's
    /// template. `None` for the repository's settings: not seen, so the default is
    /// taken and the caller says that it is a guess.
    pub fn new(
        about: About<'_>,
        own: Option<&super::answer::OidcTemplate>,
        above: Option<&super::answer::OidcTemplate>,
    ) -> Self {
        // The organisation's template holds only for repositories that opt in.
        let template = match own {
            Some(own) if own.use_default == Some(false) => {
                if own.include_claim_keys.is_empty() {
                    above
                        .map(|above| above.include_claim_keys.clone())
                        .unwrap_or_default()
                } else {
                    own.include_claim_keys.clone()
                }
            }
            _ => Vec::new(),
        };
        let since: Option<Timestamp> = IMMUTABLE_SINCE.parse().ok();
        let young = about
            .created
            .zip(since)
            .is_some_and(|(made, since)| made >= since);
        let immutable = !about.server
            && own
                .and_then(|own| own.use_immutable_subject)
                .or_else(|| above.and_then(|above| above.use_immutable_subject))
                .unwrap_or(young);
        let given = own.and_then(|own| own.sub_claim_prefix.clone());
        let format = match (&given, immutable) {
            (Some(prefix), _) if prefix.contains('@') => Format::Immutable,
            (Some(_), _) | (None, false) => Format::Name,
            (None, true) => Format::Immutable,
        };
        let mut minter = Minter {
            prefix: String::new(),
            format,
            template,
            owner: about.owner.to_owned(),
            owner_id: about.owner_id,
            name: about.name.to_owned(),
            id: about.id,
            visibility: about.visibility.map(str::to_owned),
        };
        minter.prefix = match given {
            Some(prefix) if prefix.starts_with("repo:") => prefix,
            Some(prefix) if !prefix.is_empty() => format!("repo:{prefix}"),
            _ => minter.repository(format),
        };
        minter
    }

    /// `repo:…` in the given form; an unknown number stays open.
    fn repository(&self, format: Format) -> String {
        let number = |id: Option<u64>| id.map_or_else(|| "*".to_owned(), |id| id.to_string());
        match format {
            Format::Name => format!("repo:{}/{}", self.owner, self.name),
            Format::Immutable => format!(
                "repo:{}@{}/{}@{}",
                self.owner,
                number(self.owner_id),
                self.name,
                number(self.id)
            ),
        }
    }

    /// The subject of a job that runs for `place`, and the form it does *not* have now
    /// but had before or will have after migration.
    pub fn subject(&self, place: &Place) -> (String, String) {
        if !self.template.is_empty() {
            return (
                self.templated(&self.prefix, place),
                self.templated(&self.other(), place),
            );
        }
        let context = place.context();
        (
            format!("{}:{context}", self.prefix),
            format!("{}:{context}", self.other()),
        )
    }

    /// What the token of a job that runs for `place` shows besides its subject.
    pub fn token(&self, place: &Place) -> Token {
        let mut token = Token {
            // The job asks for the audience it wants, and whoever writes it names it.
            choices: vec![Sym::new("aud=*"), Sym::new("workflow=*")],
            ..Token::default()
        };
        let mut fixed = |name: &str, value: Option<String>| {
            token
                .claims
                .extend(value.map(|value| Sym::new(&format!("{name}={value}"))));
        };
        let number = |id: Option<u64>| id.map(|id| id.to_string());
        fixed("repository", Some(format!("{}/{}", self.owner, self.name)));
        fixed("repository_id", number(self.id));
        fixed("repository_owner", Some(self.owner.clone()));
        fixed("repository_owner_id", number(self.owner_id));
        fixed("repository_visibility", self.visibility.clone());
        place.shown(&mut token);
        token
    }

    fn other(&self) -> String {
        self.repository(match self.format {
            Format::Name => Format::Immutable,
            Format::Immutable => Format::Name,
        })
    }

    fn templated(&self, prefix: &str, place: &Place) -> String {
        let parts: Vec<String> = self
            .template
            .iter()
            .map(|claim| match claim.as_str() {
                "repo" => prefix.to_owned(),
                "context" => place.context(),
                "repository" => format!("repository:{}/{}", self.owner, self.name),
                "repository_owner" => format!("repository_owner:{}", self.owner),
                "repository_id" | "repository_owner_id" => {
                    let id = if claim == "repository_id" {
                        self.id
                    } else {
                        self.owner_id
                    };
                    format!(
                        "{claim}:{}",
                        id.map_or_else(|| "*".to_owned(), |id| id.to_string())
                    )
                }
                "repository_visibility" => {
                    format!("{claim}:{}", self.visibility.as_deref().unwrap_or("*"))
                }
                claim => format!(
                    "{claim}:{}",
                    place.claim(claim).unwrap_or_else(|| "*".to_owned())
                ),
            })
            .collect();
        parts.join(":")
    }

    /// Whether the subject says which repository it is for. One that does not lets every
    /// repository of the organisation in.
    pub fn names_repository(&self) -> bool {
        self.template.is_empty() || names_repository(&self.template)
    }
}

/// Whether a template says which repository a token is for.
pub fn names_repository<T: AsRef<str>>(template: &[T]) -> bool {
    template
        .iter()
        .any(|claim| matches!(claim.as_ref(), "repo" | "repository" | "repository_id"))
}

#[cfg(test)]
mod tests {
    use super::super::answer::OidcTemplate;
    use super::*;

    fn about(created: &str) -> About<'static> {
        About {
            owner: "acme",
            owner_id: Some(9),
            name: "app",
            id: Some(77),
            visibility: Some("private"),
            created: created.parse().ok(),
            server: false,
        }
    }

    fn subject(minter: &Minter, place: Place) -> String {
        minter.subject(&place).0
    }

    #[test]
    fn environment_wins_and_colons_are_escaped() {
        let old = Minter::new(about("2024-01-01T00:00:00Z"), None, None);
        assert_eq!(
            subject(&old, Place::Environment("prod:eu".into())),
            "repo:acme/app:environment:prod%3Aeu"
        );
        assert_eq!(
            subject(&old, Place::PullRequest),
            "repo:acme/app:pull_request"
        );
        assert_eq!(
            subject(&old, Place::Branch("main".into())),
            "repo:acme/app:ref:refs/heads/main"
        );
    }

    #[test]
    fn young_repositories_have_immutable_subjects_except_on_servers() {
        let young = about("2026-08-01T00:00:00Z");
        let minter = Minter::new(young, None, None);
        assert_eq!(minter.prefix, "repo:acme@9/app@77");
        let (now, other) = minter.subject(&Place::PullRequest);
        assert_eq!(now, "repo:acme@9/app@77:pull_request");
        assert_eq!(other, "repo:acme/app:pull_request");
        let server = About {
            server: true,
            ..young
        };
        assert_eq!(Minter::new(server, None, None).format, Format::Name);
        let opted = OidcTemplate {
            use_default: Some(true),
            use_immutable_subject: Some(true),
            ..OidcTemplate::default()
        };
        let old = about("2020-01-01T00:00:00Z");
        assert_eq!(
            Minter::new(old, Some(&opted), None).format,
            Format::Immutable
        );
    }

    #[test]
    fn tokens_show_what_their_job_runs_for() {
        let minter = Minter::new(about("2024-01-01T00:00:00Z"), None, None);
        let has = |list: &[Sym], claim: &str| list.iter().any(|one| *one == claim);
        let branch = minter.token(&Place::Branch("main".into()));
        assert!(has(&branch.claims, "ref=refs/heads/main"));
        assert!(has(&branch.claims, "repository_id=77"));
        assert!(has(&branch.lacks, "environment"));
        let new = minter.token(&Place::NewEnvironment);
        assert!(has(&new.choices, "environment=*") && new.lacks.is_empty());
        let tag = minter.token(&Place::AnyTag);
        assert!(has(&tag.choices, "ref=refs/tags/*") && has(&tag.claims, "ref_type=tag"));
    }

    #[test]
    fn templates_replace_the_subject_only_where_opted_in() {
        let above = OidcTemplate {
            include_claim_keys: vec!["repository_owner".into(), "job_workflow_ref".into()],
            ..OidcTemplate::default()
        };
        let old = about("2020-01-01T00:00:00Z");
        let default = Minter::new(
            old,
            Some(&OidcTemplate {
                use_default: Some(true),
                ..OidcTemplate::default()
            }),
            Some(&above),
        );
        assert!(default.names_repository());
        let opted = OidcTemplate {
            use_default: Some(false),
            ..OidcTemplate::default()
        };
        let minter = Minter::new(old, Some(&opted), Some(&above));
        assert_eq!(
            subject(&minter, Place::PullRequest),
            "repository_owner:acme:job_workflow_ref:*"
        );
        assert!(!minter.names_repository());
    }
}
