//! Text that must not be printed.

use std::fmt;

/// A token or password on its way into a request. `Debug` shows `***`, there is no
/// `Display` and no `Serialize`, so that it cannot end in a log, a report or a
/// snapshot by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps `text`, without the line end that files and commands leave behind.
    pub fn new(text: &str) -> Self {
        Secret(text.trim_end_matches(['\r', '\n']).into())
    }

    /// The text itself, for the request that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("hunter2\n");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(format!("{:?}", Some(&secret)), "Some(***)");
        assert_eq!(secret.expose(), "hunter2");
        assert!(Secret::new("\n").is_empty());
    }
}
