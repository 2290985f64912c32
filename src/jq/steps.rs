//! How far a filter may go. Every call of a definition is a step, which costs and which looks at the
//! stack; without a call there is no recursion in jq. What a filter does between two calls, over the
//! value it was given, is not counted.

use std::cell::Cell;
use std::fmt;

use jaq_core::box_iter::box_once;
use jaq_core::data::HasLut;
use jaq_core::load::lex::{Lexer, StrPart, Tok, Token};
use jaq_core::load::parse::{BinaryOp, Def, Term};
use jaq_core::native::Fun;
use jaq_core::{DataT, Exn, Lut, Native};
use jaq_json::Val;

use super::fault::{self, Fault};

/// Steps of one run: a fraction of a second.
const MOST_STEPS: u32 = 1_000_000;
/// Bytes of the stack that a run may take, of the 8 MiB that there usually are: what goes on from the
/// deepest step takes room too.
const MOST_STACK: usize = 4 << 20;
/// Brackets within each other in a filter: reading them takes stack too.
const DEEPEST_SOURCE: usize = 64;
/// The step, as it is called where a definition begins.
const STEP: &str = "__step";
const CALL: &str = " __step|";
/// The same for a definition that takes filters: one that passes them on to itself makes each hold the
/// one before, and letting go of them takes stack for all.
const STRIDE: &str = "__stride";
const CALL_WITH_FILTERS: &str = " __stride|";
/// Steps in a stride.
const STEPS_IN_STRIDE: u32 = 50;

/// Why a run was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It took too many steps.
    Endless,
    /// It called itself too often without coming back.
    TooDeep,
}

impl Stop {
    /// An error that no `try` catches.
    fn raise<'a>(self) -> Exn<'a, Val> {
        Exn::halt(self as i32)
    }

    /// What an error is: one of these, or the filter's own.
    pub fn of(error: Exn<Val>) -> Result<Stop, jaq_json::Error> {
        match error.get_err() {
            Ok(error) => Err(error),
            Err(other) => match other.get_halt() {
                Ok(reason) if reason == Stop::TooDeep as i32 => Ok(Stop::TooDeep),
                _ => Ok(Stop::Endless),
            },
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Stop::Endless => write!(f, "was stopped after {MOST_STEPS} steps"),
            Stop::TooDeep => f.write_str("was stopped: it calls itself too deeply"),
        }
    }
}

/// What one run may still spend.
#[derive(Debug)]
pub struct Steps {
    left: Cell<u32>,
    base: usize,
}

impl Steps {
    /// Everything that a run may spend, which begins here.
    pub fn new() -> Self {
        Steps { left: Cell::new(MOST_STEPS), base: here() }
    }

    /// Takes a step.
    pub fn spend(&self) -> Result<(), Stop> {
        self.spend_so_many(1)
    }

    fn spend_so_many(&self, steps: u32) -> Result<(), Stop> {
        let Some(left) = self.left.get().checked_sub(steps) else { return Err(Stop::Endless) };
        self.left.set(left);
        if self.base.abs_diff(here()) > MOST_STACK { Err(Stop::TooDeep) } else { Ok(()) }
    }
}

/// Where in the stack we are.
#[inline(never)]
fn here() -> usize {
    let local = 0u8;
    std::ptr::from_ref(std::hint::black_box(&local)).addr()
}

/// What filters work on, and what they know of their run.
#[derive(Debug)]
pub struct Language;

/// One run of a filter.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    lut: &'a Lut<Language>,
    steps: &'a Steps,
}

impl<'a> Run<'a> {
    /// A run of what is looked up here.
    pub fn new(lut: &'a Lut<Language>, steps: &'a Steps) -> Self {
        Run { lut, steps }
    }

    /// Takes a step.
    pub fn spend<'e>(&self) -> Result<(), Exn<'e, Val>> {
        self.spend_so_many(1)
    }

    fn spend_so_many<'e>(&self, steps: u32) -> Result<(), Exn<'e, Val>> {
        self.steps.spend_so_many(steps).map_err(Stop::raise)
    }
}

impl DataT for Language {
    type V<'a> = Val;
    type Data<'a> = Run<'a>;
}

impl<'a> HasLut<'a, Language> for Run<'a> {
    fn lut(&self) -> &'a Lut<Language> {
        self.lut
    }
}

/// The step and the stride: they give back what they are given, wherever they stand.
pub fn functions() -> [Fun<Language>; 2] {
    [(STEP, Box::default(), taking::<1>()), (STRIDE, Box::default(), taking::<STEPS_IN_STRIDE>())]
}

fn taking<const STEPS: u32>() -> Native<Language> {
    Native::<Language>::new(|cv| box_once(cv.0.data().spend_so_many(STEPS).map(|()| cv.1)))
        .with_paths(|cv| box_once(cv.0.data().spend_so_many(STEPS).map(|()| cv.1)))
        .with_update(|cv, update| match cv.0.data().spend_so_many(STEPS) {
            Ok(()) => update(cv.1),
            Err(stop) => box_once(Err(stop)),
        })
}

/// A definition that begins with a step, as those within it do.
pub fn counted(def: Def) -> Def {
    let body = match def.body {
        Term::Def(defs, rest) => Term::Def(defs.into_iter().map(counted).collect(), rest),
        body => body,
    };
    let step = Box::new(Term::Call(STEP, Vec::new()));
    Def { body: Term::BinOp(step, BinaryOp::Pipe(None), Box::new(body)), ..def }
}

/// A filter whose definitions begin with a step.
#[derive(Debug)]
pub struct Counted {
    code: String,
    /// Where calls were put into it, and how long they are.
    calls: Vec<(usize, usize)>,
}

impl Counted {
    /// Puts the steps in.
    ///
    /// # Errors
    /// What is no token, or cannot be read for its depth.
    pub fn new(source: &str) -> Result<Self, Fault> {
        depth(source)?;
        let tokens = Lexer::new(source).lex().map_err(|errors| fault::lexing(source, &errors))?;
        let mut ends = Vec::new();
        heads(source, &tokens, &mut ends);
        let (mut code, mut calls, mut copied) = (String::new(), Vec::new(), 0);
        for (end, call) in ends {
            code.push_str(&source[copied..end]);
            calls.push((code.len(), call.len()));
            code.push_str(call);
            copied = end;
        }
        code.push_str(&source[copied..]);
        Ok(Counted { code, calls })
    }

    /// The filter as it is compiled.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What is said about [`Counted::code`], said about the filter as it was given.
    pub fn fault(&self, fault: Fault) -> Fault {
        let byte = |character| self.code.char_indices().nth(character).map(|(at, _)| at);
        let at = byte(fault.column - 1).unwrap_or(self.code.len());
        let before = self.calls.iter().filter(|(place, _)| *place < at);
        Fault { column: fault.column - before.map(|(_, length)| length).sum::<usize>(), ..fault }
    }
}

fn depth(source: &str) -> Result<(), Fault> {
    let mut depth = 0usize;
    for (before, character) in source.chars().enumerate() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST_SOURCE {
            let message = format!("more than {DEEPEST_SOURCE} brackets within each other");
            return Err(Fault { message, column: before + 1 });
        }
    }
    Ok(())
}

/// Where the heads of definitions end, and what is called there.
fn heads(source: &str, tokens: &[Token<&str>], ends: &mut Vec<(usize, &'static str)>) {
    for (at, token) in tokens.iter().enumerate() {
        match &token.1 {
            Tok::Block(inner) => heads(source, inner, ends),
            Tok::Str(parts) => {
                for part in parts {
                    if let StrPart::Term(inner) = part {
                        heads(source, std::slice::from_ref(inner), ends);
                    }
                }
            }
            Tok::Word if token.0 == "def" => {
                let rest = &tokens[at + 1..];
                let (call, colon) = match rest {
                    [Token(_, Tok::Word | Tok::Fmt), Token(_, Tok::Block(taken)), colon, ..] => {
                        let takes_filter =
                            taken.iter().any(|token| matches!(token.1, Tok::Word | Tok::Fmt));
                        (if takes_filter { CALL_WITH_FILTERS } else { CALL }, colon)
                    }
                    [Token(_, Tok::Word | Tok::Fmt), colon, ..] => (CALL, colon),
                    _ => continue,
                };
                if colon.0 == ":" {
                    ends.push((jaq_core::load::span(source, colon.0).end, call));
                }
            }
            _ => {}
        }
    }
}
