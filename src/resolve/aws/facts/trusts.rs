use super::Facts;
impl Facts<'_, '_> {
    pub(super) fn add_trusts(&mut self) {}
}
