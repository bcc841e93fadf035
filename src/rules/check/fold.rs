//! Evaluating once, when a rule is loaded, what does not depend on a fact.

use jiff::Timestamp;

use super::super::ir::Ir;
use super::super::value::{Object, Scope, Val};

/// Evaluates what does not depend on a fact.
pub(super) fn fold(ir: Ir) -> Ir {
    let constant = |ir: &Ir| matches!(ir, Ir::Const(_));
    let ready = match &ir {
        Ir::And(parts) => {
            // `false && x` is false; only the parts that are not true matter.
            parts
                .iter()
                .any(|part| matches!(part, Ir::Const(Val::Bool(false))))
                || parts.iter().all(constant)
        }
        Ir::Or(parts) => {
            parts
                .iter()
                .any(|part| matches!(part, Ir::Const(Val::Bool(true))))
                || parts.iter().all(constant)
        }
        Ir::Not(of) | Ir::TextIn(of, _) | Ir::IntIn(of, _) => constant(of),
        Ir::Equal(pair) | Ir::Compare(_, pair) | Ir::Arithmetic(_, pair) | Ir::Text(_, pair) => {
            pair.iter().all(constant)
        }
        _ => false,
    };
    if !ready {
        return ir;
    }
    let nothing = Scope {
        objects: [Object::Absent; 5],
        now: Timestamp::UNIX_EPOCH,
    };
    let value = match &ir {
        Ir::And(_) => Val::Bool(!ir_has(&ir, false)),
        Ir::Or(_) => Val::Bool(ir_has(&ir, true)),
        other => match other.eval(&nothing) {
            Val::Bool(value) => Val::Bool(value),
            Val::Int(number) => Val::Int(number),
            Val::Time(time) => Val::Time(time),
            Val::Duration(length) => Val::Duration(length),
            _ => return ir,
        },
    };
    Ir::Const(value)
}

/// Whether a chain has the constant `value`.
fn ir_has(chain: &Ir, value: bool) -> bool {
    match chain {
        Ir::And(parts) | Ir::Or(parts) => parts
            .iter()
            .any(|part| matches!(part, Ir::Const(Val::Bool(known)) if *known == value)),
        _ => false,
    }
}
