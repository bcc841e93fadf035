//! As much of GraphQL as it takes to check a query against a schema: fields, arguments,
//! variables, fragments, and where a selection must or must not follow.

use std::collections::{BTreeMap, BTreeSet};

/// A type: its kind and fields.
#[derive(Debug, Default)]
struct Type {
    fields: BTreeMap<String, Field>,
    /// Scalars and enums have nothing to select.
    leaf: bool,
}

#[derive(Debug)]
struct Field {
    ty: String,
    arguments: BTreeMap<String, Argument>,
}

#[derive(Debug)]
struct Argument {
    ty: String,
    optional: bool,
}

/// The types of a schema. Types a cut leaves out are taken for leaves.
#[derive(Debug, Default)]
pub struct Schema {
    types: BTreeMap<String, Type>,
}

/// Names, punctuation and values of SDL and queries; descriptions and comments left out.
fn tokens(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\"\"\"") {
            rest = after.split_once("\"\"\"").map_or("", |found| found.1);
        } else if c == '#' {
            rest = rest.split_once('\n').map_or("", |found| found.1);
        } else if c == '"' {
            let end = rest[1..].find('"').map_or(rest.len(), |end| end + 2);
            all.push(rest[..end].to_owned());
            rest = &rest[end..];
        } else if let Some(after) = rest.strip_prefix("...") {
            all.push("...".into());
            rest = after;
        } else if c.is_alphanumeric() || c == '_' || c == '-' {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
                .unwrap_or(rest.len());
            all.push(rest[..end].to_owned());
            rest = &rest[end..];
        } else {
            if !c.is_whitespace() && c != ',' {
                all.push(c.to_string());
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    all
}

struct Reader {
    tokens: Vec<String>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned().unwrap_or_default()
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.peek() == token;
        self.at += usize::from(found);
        found
    }

    /// Passes over what stands between brackets, the opening one being next.
    fn skip(&mut self, open: &str, close: &str) {
        let mut depth = 0;
        loop {
            match self.next() {
                token if token == open => depth += 1,
                token if token == close => depth -= 1,
                token if token.is_empty() => return,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn directives(&mut self) {
        while self.take("@") {
            self.next();
            if self.peek() == "(" {
                self.skip("(", ")");
            }
        }
    }

    /// A type as text, `[ID!]!`.
    fn ty(&mut self) -> String {
        let mut text = if self.take("[") {
            let inner = self.ty();
            self.take("]");
            format!("[{inner}]")
        } else {
            self.next()
        };
        if self.take("!") {
            text.push('!');
        }
        text
    }

    fn value(&mut self) -> String {
        match self.peek() {
            "[" => {
                let start = self.at;
                self.skip("[", "]");
                self.tokens[start..self.at].concat()
            }
            "{" => {
                let start = self.at;
                self.skip("{", "}");
                self.tokens[start..self.at].concat()
            }
            "$" => {
                self.next();
                format!("${}", self.next())
            }
            _ => self.next(),
        }
    }
}

fn inner(ty: &str) -> &str {
    ty.trim_matches(|c| matches!(c, '[' | ']' | '!'))
}

impl Schema {
    /// Reads types from SDL.
    pub fn parse(text: &str) -> Schema {
        let mut reader = Reader {
            tokens: tokens(text),
            at: 0,
        };
        let mut schema = Schema::default();
        while !reader.peek().is_empty() {
            match reader.next().as_str() {
                "type" | "interface" | "input" => {
                    let name = reader.next();
                    while reader.peek() != "{" && !reader.peek().is_empty() {
                        reader.next();
                    }
                    reader.take("{");
                    let mut ty = Type::default();
                    while !reader.take("}") && !reader.peek().is_empty() {
                        let field = reader.next();
                        let mut arguments = BTreeMap::new();
                        if reader.take("(") {
                            while !reader.take(")") && !reader.peek().is_empty() {
                                let argument = reader.next();
                                reader.take(":");
                                let ty = reader.ty();
                                let mut optional = !ty.ends_with('!');
                                if reader.take("=") {
                                    reader.value();
                                    optional = true;
                                }
                                reader.directives();
                                arguments.insert(argument, Argument { ty, optional });
                            }
                        }
                        reader.take(":");
                        let result = reader.ty();
                        if reader.take("=") {
                            reader.value();
                        }
                        reader.directives();
                        ty.fields.insert(
                            field,
                            Field {
                                ty: result,
                                arguments,
                            },
                        );
                    }
                    schema.types.insert(name, ty);
                }
                "union" => {
                    let name = reader.next();
                    schema.types.insert(name, Type::default());
                }
                "enum" | "scalar" => {
                    let name = reader.next();
                    schema.types.insert(
                        name,
                        Type {
                            leaf: true,
                            ..Type::default()
                        },
                    );
                }
                _ => {}
            }
        }
        schema
    }

    fn leaf(&self, name: &str) -> bool {
        self.types.get(name).is_none_or(|ty| ty.leaf)
    }
}

/// What is wrong with a query.
pub fn validate(schema: &Schema, query: &str) -> Vec<String> {
    let mut reader = Reader {
        tokens: tokens(query),
        at: 0,
    };
    let mut wrong = Vec::new();
    if !reader.take("query") {
        return vec!["it is no query".into()];
    }
    let mut variables = BTreeMap::new();
    if reader.take("(") {
        while !reader.take(")") && !reader.peek().is_empty() {
            reader.take("$");
            let name = reader.next();
            reader.take(":");
            variables.insert(name, reader.ty());
        }
    }
    let mut used = BTreeSet::new();
    select(
        schema,
        &mut reader,
        "Query",
        &variables,
        &mut used,
        &mut wrong,
    );
    for name in variables.keys().filter(|name| !used.contains(*name)) {
        wrong.push(format!("`${name}` is not used"));
    }
    if !reader.peek().is_empty() {
        wrong.push(format!("`{}` stands after the end", reader.peek()));
    }
    wrong
}

fn select(
    schema: &Schema,
    reader: &mut Reader,
    on: &str,
    variables: &BTreeMap<String, String>,
    used: &mut BTreeSet<String>,
    wrong: &mut Vec<String>,
) {
    if !reader.take("{") {
        wrong.push(format!("`{on}` needs a selection"));
        return;
    }
    while !reader.take("}") && !reader.peek().is_empty() {
        if reader.take("...") {
            reader.take("on");
            let ty = reader.next();
            if !schema.types.contains_key(&ty) {
                wrong.push(format!("there is no type `{ty}`"));
            }
            select(schema, reader, &ty, variables, used, wrong);
            continue;
        }
        let mut name = reader.next();
        if reader.take(":") {
            name = reader.next();
        }
        let field = schema.types.get(on).and_then(|ty| ty.fields.get(&name));
        let mut given = BTreeMap::new();
        if reader.take("(") {
            while !reader.take(")") && !reader.peek().is_empty() {
                let argument = reader.next();
                reader.take(":");
                given.insert(argument, reader.value());
            }
        }
        let Some(field) = field else {
            if name != "__typename" {
                wrong.push(format!("`{on}` has no field `{name}`"));
            }
            if reader.peek() == "{" {
                reader.skip("{", "}");
            }
            continue;
        };
        for (argument, value) in &given {
            let Some(declared) = field.arguments.get(argument) else {
                wrong.push(format!("`{on}.{name}` has no argument `{argument}`"));
                continue;
            };
            if let Some(variable) = value.strip_prefix('$') {
                used.insert(variable.to_owned());
                match variables.get(variable) {
                    None => wrong.push(format!("`${variable}` is not declared")),
                    Some(ty) if inner(ty) != inner(&declared.ty) => {
                        wrong.push(format!(
                            "`${variable}` is {ty}, `{on}.{name}` takes {}",
                            declared.ty
                        ));
                    }
                    Some(ty) if declared.ty.ends_with('!') && !ty.ends_with('!') => {
                        wrong.push(format!(
                            "`${variable}` may be null, `{on}.{name}` takes {}",
                            declared.ty
                        ));
                    }
                    Some(_) => {}
                }
            }
        }
        for (argument, declared) in &field.arguments {
            if !declared.optional && !given.contains_key(argument) {
                wrong.push(format!("`{on}.{name}` needs `{argument}`"));
            }
        }
        let result = inner(&field.ty);
        match (reader.peek() == "{", schema.leaf(result)) {
            (true, false) => select(schema, reader, result, variables, used, wrong),
            (true, true) => {
                wrong.push(format!(
                    "`{on}.{name}` is a {result}: there is nothing to select"
                ));
                reader.skip("{", "}");
            }
            (false, false) => {
                wrong.push(format!("`{on}.{name}` is a {result} and needs a selection"))
            }
            (false, true) => {}
        }
    }
}
