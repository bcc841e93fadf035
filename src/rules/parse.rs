//! From words to a syntax tree: a Pratt parser for the subset of CEL rules use.
//!
//! ```text
//! expr    = or [ "?" or ":" expr ]
//! or      = and { "||" and }
//! and     = rel { "&&" rel }
//! rel     = add { ( "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" ) add }
//! add     = mul { ( "+" | "-" ) mul }
//! mul     = unary { ( "*" | "/" | "%" ) unary }
//! unary   = { "!" | "-" } postfix
//! postfix = primary { "." name [ "(" args ")" ] }
//! primary = literal | name [ "(" args ")" ] | "(" expr ")" | "[" args "]"
//! ```
//!
//! Precedence and associativity are CEL's (cel-spec, *Syntax*). Chains of `&&` and
//! of `||` become one node each, so a long rule is no deep tree. Every node knows
//! the bytes it was written with.

use std::ops::Range;

use super::lex::{ExprError, Spanned, Token, lex};

/// Deepest tree accepted.
pub(super) const MAX_DEPTH: u8 = 32;

/// A node of the syntax tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expr {
    pub kind: Kind,
    pub at: Range<usize>,
    depth: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool(bool),
    Int(i64),
    Str(String),
    List(Vec<Expr>),
    Name(String),
    /// `of.name`, with the place of `name`.
    Field(Box<Expr>, String, Range<usize>),
    /// `name(args)` or `of.name(args)`, with the place of `name`.
    Call {
        of: Option<Box<Expr>>,
        name: String,
        name_at: Range<usize>,
        args: Vec<Expr>,
    },
    Not(Box<Expr>),
    Negate(Box<Expr>),
    /// At least two.
    And(Vec<Expr>),
    /// At least two.
    Or(Vec<Expr>),
    Binary(Op, Box<Expr>, Box<Expr>),
    Ternary(Box<Expr>, Box<Expr>, Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

impl Op {
    pub const fn as_str(self) -> &'static str {
        match self {
            Op::Eq => "==",
            Op::Ne => "!=",
            Op::Lt => "<",
            Op::Le => "<=",
            Op::Gt => ">",
            Op::Ge => ">=",
            Op::In => "in",
            Op::Add => "+",
            Op::Sub => "-",
            Op::Mul => "*",
            Op::Div => "/",
            Op::Rem => "%",
        }
    }

    /// Binding power: higher binds tighter. `||` has 1, `&&` 2.
    fn of(token: &Token) -> Option<(Op, u8)> {
        Some(match token {
            Token::Ident(name) if name == "in" => (Op::In, 3),
            Token::Mark("==") => (Op::Eq, 3),
            Token::Mark("!=") => (Op::Ne, 3),
            Token::Mark("<") => (Op::Lt, 3),
            Token::Mark("<=") => (Op::Le, 3),
            Token::Mark(">") => (Op::Gt, 3),
            Token::Mark(">=") => (Op::Ge, 3),
            Token::Mark("+") => (Op::Add, 4),
            Token::Mark("-") => (Op::Sub, 4),
            Token::Mark("*") => (Op::Mul, 5),
            Token::Mark("/") => (Op::Div, 5),
            Token::Mark("%") => (Op::Rem, 5),
            _ => return None,
        })
    }
}

impl Expr {
    /// The expression as a dotted path of names (`credential.kind`), if it is one.
    pub fn path(&self) -> Option<String> {
        match &self.kind {
            Kind::Name(name) => Some(name.clone()),
            Kind::Field(of, name, _) => Some(format!("{}.{name}", of.path()?)),
            _ => None,
        }
    }

    /// The operands of a chain of `&&`, or the expression itself.
    pub fn conjuncts(&self) -> &[Expr] {
        match &self.kind {
            Kind::And(parts) => parts,
            _ => std::slice::from_ref(self),
        }
    }
}

/// Parses a whole expression.
pub(super) fn parse(text: &str) -> Result<Expr, ExprError> {
    let mut parser = Parser {
        tokens: lex(text)?,
        next: 0,
        depth: 0,
    };
    let expr = parser.expr()?;
    match parser.peek() {
        Token::End => Ok(expr),
        other => {
            let message = format!(
                "expected an operator or the end, found {}",
                other.describe()
            );
            Err(ExprError::new(parser.place(), message, "unexpected"))
        }
    }
}

struct Parser {
    tokens: Vec<Spanned>,
    next: usize,
    depth: u8,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens
            .get(self.next)
            .map_or(&Token::End, |(token, _)| token)
    }

    fn place(&self) -> Range<usize> {
        self.tokens
            .get(self.next)
            .or(self.tokens.last())
            .map_or(0..0, |(_, at)| at.clone())
    }

    /// Takes the next token; the end is never passed.
    fn take(&mut self) -> Spanned {
        let token = self.tokens.get(self.next).cloned();
        if self.next + 1 < self.tokens.len() {
            self.next += 1;
        }
        token.unwrap_or((Token::End, 0..0))
    }

    fn accept(&mut self, mark: &'static str) -> bool {
        let here = *self.peek() == Token::Mark(mark);
        if here {
            self.take();
        }
        here
    }

    fn expect(&mut self, mark: &'static str, why: &str) -> Result<Range<usize>, ExprError> {
        let (token, at) = self.take();
        if token == Token::Mark(mark) {
            return Ok(at);
        }
        let message = format!("expected `{mark}`, found {}", token.describe());
        Err(ExprError::new(at, message, why))
    }

    /// Makes a node, refusing trees that grow too deep.
    fn node(&self, kind: Kind, at: Range<usize>) -> Result<Expr, ExprError> {
        let deepest = |list: &[Expr]| list.iter().map(|e| e.depth).max().unwrap_or(0);
        let below = match &kind {
            Kind::Bool(_) | Kind::Int(_) | Kind::Str(_) | Kind::Name(_) => 0,
            Kind::List(list) | Kind::And(list) | Kind::Or(list) => deepest(list),
            Kind::Field(of, ..) | Kind::Not(of) | Kind::Negate(of) => of.depth,
            Kind::Call { of, args, .. } => deepest(args).max(of.as_ref().map_or(0, |of| of.depth)),
            Kind::Binary(_, a, b) => a.depth.max(b.depth),
            Kind::Ternary(a, b, c) => a.depth.max(b.depth).max(c.depth),
        };
        if below >= MAX_DEPTH {
            return Err(too_deep(at));
        }
        Ok(Expr {
            kind,
            at,
            depth: below + 1,
        })
    }

    fn expr(&mut self) -> Result<Expr, ExprError> {
        // Guards the parser's own stack; `node` guards those of its readers.
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_deep(self.place()));
        }
        let test = self.chain(true)?;
        let expr = if self.accept("?") {
            let yes = self.chain(true)?;
            self.expect(":", "a choice is written `test ? this : that`")?;
            let no = self.expr()?;
            let at = test.at.start..no.at.end;
            self.node(
                Kind::Ternary(Box::new(test), Box::new(yes), Box::new(no)),
                at,
            )?
        } else {
            test
        };
        self.depth -= 1;
        Ok(expr)
    }

    /// A chain of `||` (`any`) or of `&&`.
    fn chain(&mut self, any: bool) -> Result<Expr, ExprError> {
        let mark = if any { "||" } else { "&&" };
        let operand = |parser: &mut Self| {
            if any {
                parser.chain(false)
            } else {
                parser.binary(3)
            }
        };
        let first = operand(self)?;
        if *self.peek() != Token::Mark(mark) {
            return Ok(first);
        }
        let start = first.at.start;
        let mut parts = vec![first];
        while self.accept(mark) {
            parts.push(operand(self)?);
        }
        let end = parts.last().map_or(start, |last| last.at.end);
        let kind = if any {
            Kind::Or(parts)
        } else {
            Kind::And(parts)
        };
        self.node(kind, start..end)
    }

    fn binary(&mut self, least: u8) -> Result<Expr, ExprError> {
        let mut left = self.unary()?;
        while let Some((op, power)) = Op::of(self.peek()).filter(|&(_, power)| power >= least) {
            self.take();
            let right = self.binary(power + 1)?;
            let at = left.at.start..right.at.end;
            left = self.node(Kind::Binary(op, Box::new(left), Box::new(right)), at)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, ExprError> {
        // Collected first and applied from the inside, so `!!!!…x` does not recurse.
        let mut signs = Vec::new();
        while matches!(self.peek(), Token::Mark("!" | "-")) {
            signs.push(self.take());
        }
        let mut expr = self.postfix()?;
        while let Some((sign, at)) = signs.pop() {
            let at = at.start..expr.at.end;
            let kind = match (sign, expr.kind) {
                (Token::Mark("-"), Kind::Int(number)) => Kind::Int(number.saturating_neg()),
                (Token::Mark("-"), kind) => Kind::Negate(Box::new(Expr { kind, ..expr })),
                (_, kind) => Kind::Not(Box::new(Expr { kind, ..expr })),
            };
            expr = self.node(kind, at)?;
        }
        Ok(expr)
    }

    fn postfix(&mut self) -> Result<Expr, ExprError> {
        let mut expr = self.primary()?;
        loop {
            if *self.peek() == Token::Mark("[") {
                return Err(ExprError::new(
                    self.place(),
                    "lists cannot be indexed",
                    "not part of the rule language",
                )
                .help("ask about a list with `in`, `exists` or `all`"));
            }
            if !self.accept(".") {
                return Ok(expr);
            }
            let (token, name_at) = self.take();
            let Token::Ident(name) = token else {
                let message = format!("expected a name after `.`, found {}", token.describe());
                return Err(ExprError::new(
                    name_at,
                    message,
                    "expected a field or function",
                ));
            };
            let start = expr.at.start;
            let of = Box::new(expr);
            expr = if self.accept("(") {
                let (args, end) = self.list(")")?;
                let kind = Kind::Call {
                    of: Some(of),
                    name,
                    name_at,
                    args,
                };
                self.node(kind, start..end)?
            } else {
                let at = start..name_at.end;
                self.node(Kind::Field(of, name, name_at), at)?
            };
        }
    }

    /// The rest of a bracketed list: its elements and where the bracket closes.
    fn list(&mut self, close: &'static str) -> Result<(Vec<Expr>, usize), ExprError> {
        let mut list = Vec::new();
        while *self.peek() != Token::Mark(close) {
            list.push(self.expr()?);
            if !self.accept(",") {
                break;
            }
        }
        let at = self.expect(close, "the bracket is still open")?;
        Ok((list, at.end))
    }

    fn primary(&mut self) -> Result<Expr, ExprError> {
        let (token, at) = self.take();
        let kind = match token {
            Token::Int(number) => Kind::Int(number),
            Token::Str(text) => Kind::Str(text),
            Token::Ident(name) if name == "true" => Kind::Bool(true),
            Token::Ident(name) if name == "false" => Kind::Bool(false),
            Token::Ident(name) if name != "in" => {
                if !self.accept("(") {
                    return self.node(Kind::Name(name), at);
                }
                let (args, end) = self.list(")")?;
                let whole = at.start..end;
                let kind = Kind::Call {
                    of: None,
                    name,
                    name_at: at,
                    args,
                };
                return self.node(kind, whole);
            }
            Token::Mark("(") => {
                let mut inner = self.expr()?;
                let close = self.expect(")", "the bracket is still open")?;
                inner.at = at.start..close.end;
                return Ok(inner);
            }
            Token::Mark("[") => {
                let (list, end) = self.list("]")?;
                return self.node(Kind::List(list), at.start..end);
            }
            other => {
                let message = format!("expected a value, found {}", other.describe());
                return Err(ExprError::new(at, message, "expected a value"));
            }
        };
        self.node(kind, at)
    }
}

fn too_deep(at: Range<usize>) -> ExprError {
    ExprError::new(
        at,
        format!("the expression is nested more than {MAX_DEPTH} levels deep"),
        "too deep",
    )
    .help("split the rule in two")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree with every bracket written out.
    fn show(expr: &Expr) -> String {
        let all = |list: &[Expr], by: &str| {
            let parts: Vec<String> = list.iter().map(show).collect();
            parts.join(by)
        };
        match &expr.kind {
            Kind::Bool(value) => value.to_string(),
            Kind::Int(number) => number.to_string(),
            Kind::Str(text) => format!("{text:?}"),
            Kind::List(list) => format!("[{}]", all(list, ", ")),
            Kind::Name(name) => name.clone(),
            Kind::Field(of, name, _) => format!("{}.{name}", show(of)),
            Kind::Call { of, name, args, .. } => {
                let of = of.as_ref().map(|of| show(of) + ".").unwrap_or_default();
                format!("{of}{name}({})", all(args, ", "))
            }
            Kind::Not(of) => format!("!{}", show(of)),
            Kind::Negate(of) => format!("-{}", show(of)),
            Kind::And(list) => format!("({})", all(list, " && ")),
            Kind::Or(list) => format!("({})", all(list, " || ")),
            Kind::Binary(op, a, b) => format!("({} {} {})", show(a), op.as_str(), show(b)),
            Kind::Ternary(a, b, c) => format!("({} ? {} : {})", show(a), show(b), show(c)),
        }
    }

    #[test]
    fn precedence_is_cels() {
        for (text, tree) in [
            ("a || b && c || d", "(a || (b && c) || d)"),
            ("!a.b && c == d", "(!a.b && (c == d))"),
            ("a - b - c > d * 2 + 1", "(((a - b) - c) > ((d * 2) + 1))"),
            ("a ? b : c ? d : e", "(a ? b : (c ? d : e))"),
            ("-1 + -a", "(-1 + -a)"),
            ("x in ['a', \"b\",]", "(x in [\"a\", \"b\"])"),
            (
                "l.exists(v, v.startsWith('x'))",
                "l.exists(v, v.startsWith(\"x\"))",
            ),
            ("(a || b) && c", "((a || b) && c)"),
        ] {
            assert_eq!(show(&parse(text).unwrap()), tree, "{text}");
        }
    }

    #[test]
    fn every_node_knows_its_text() {
        let text = "now - credential.rotated > limits.key_age";
        let tree = parse(text).unwrap();
        let Kind::Binary(Op::Gt, left, right) = &tree.kind else {
            panic!("{tree:?}");
        };
        assert_eq!(&text[left.at.clone()], "now - credential.rotated");
        assert_eq!(&text[right.at.clone()], "limits.key_age");
        assert_eq!(tree.at, 0..text.len());
    }

    #[test]
    fn errors_name_what_was_expected() {
        for (text, message) in [
            ("", "expected a value, found the end"),
            ("a &&", "expected a value, found the end"),
            ("(a", "expected `)`, found the end"),
            ("a b", "expected an operator or the end, found `b`"),
            ("a.1", "expected a name after `.`, found `1`"),
            ("a ? b", "expected `:`, found the end"),
            ("f(a b)", "expected `)`, found `b`"),
            ("in", "expected a value, found `in`"),
            ("a[0]", "lists cannot be indexed"),
        ] {
            assert_eq!(parse(text).unwrap_err().message, message, "{text}");
        }
    }

    #[test]
    fn deep_trees_are_refused_and_long_ones_are_not() {
        for text in [
            "(".repeat(5_000) + "a" + &")".repeat(5_000),
            "!".repeat(5_000) + "a",
            "a".to_owned() + &" + a".repeat(5_000),
            "a".to_owned() + &".a".repeat(5_000),
            "a ? b : ".repeat(5_000) + "c",
            "f(".repeat(5_000),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.message.contains("levels deep"), "{}", error.message);
        }
        assert!(parse(&("a".to_owned() + &" && a".repeat(500))).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn any_text_parses_or_is_refused(text in "[a-z.()!&|='\"0-9 \\\\\\[\\],?:<>é\n-]{0,60}") {
            let _ = parse(&text);
        }
    }
}
