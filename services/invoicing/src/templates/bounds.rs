//! The bounds of a template, checked token by token before the template engine sees it.
//!
//! The engine parses, compiles and drops a template recursively, and a stack that overflows ends
//! the process for every tenant. So nesting and the length of each tag are bounded here, by a scan
//! in one pass that uses the engine's own lexer, which does not recurse. The engine's own limit of
//! 150 counts brackets and blocks only, and is too high for a debug build.
//!
//! What one level costs at most, measured with minijinja 3.0.5 as the deepest template that a stack
//! of 1 MiB holds:
//!
//! | construct | debug | release |
//! |---|---|---|
//! | a bracket (`a(`, `(`, `[`, `{`) | 51 | more than 150 |
//! | a block (`for`, `if`) | 117 | more than 150 |
//! | an `elif` | 417 | 2,161 |
//! | a sign or word (`-`, `not`, `.a`, `[0]`, `()`, `or`, a filter, a test, a ternary) | 589 | 2,594 |
//!
//! The deepest template that passes takes 8 × 20 KiB + 32 × 9 KiB + 128 × 1.8 KiB, less than 0.7
//! MiB in a debug build, of [`STACK`]. A test renders it on a quarter of that stack.
//!
//! Memory and time are bounded here too: text or lists that are made of themselves double with each
//! statement, so twenty-six short lines would take 600 MB. Output into a variable, `recursive`
//! loops and lists of variables are refused.

use minijinja::{
    machinery::{Span, Token, tokenize},
    syntax::SyntaxConfig,
};

/// The stack of the thread on which a template is parsed and rendered, in bytes.
pub const STACK: usize = 4 << 20;
/// Bytes of one template.
const MOST_BYTES: usize = 100_000;
/// Words and signs in one tag.
const MOST_PARTS: usize = 128;
/// Brackets within brackets.
const MOST_BRACKETS: usize = 8;
/// Blocks within blocks; each `elif` is one more.
const MOST_BLOCKS: usize = 32;
/// Statements in one template.
const MOST_STATEMENTS: usize = 1_000;

/// What an open bracket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    /// A list or map that is written out.
    Literal,
    /// Arguments of a call.
    Call,
    /// A part that is computed first, or an index.
    Group,
}

/// The statement of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Statement {
    /// `{{ … }}`.
    Output,
    /// `for`, up to its `in`.
    Targets,
    /// `for`, after it.
    Loop,
    /// `with`.
    With,
    /// `set`, before its `=`.
    SetName,
    /// Another, or `set` after its `=`.
    Plain,
}

/// Where the scan is.
struct Scan {
    /// For each open block, how many levels it takes.
    blocks: Vec<usize>,
    statements: usize,
    /// In a tag: the words and signs so far, the open brackets, the statement, and whether a value
    /// stands before.
    parts: usize,
    brackets: Vec<Bracket>,
    statement: Option<Statement>,
    after_value: bool,
}

/// Checks a template.
///
/// # Errors
/// What is too deep, too long or not allowed, with its line.
pub fn check(source: &str, syntax: SyntaxConfig) -> Result<(), String> {
    if source.len() > MOST_BYTES {
        return Err(format!("it has more than {MOST_BYTES} bytes"));
    }
    let mut scan = Scan {
        blocks: Vec::new(),
        statements: 0,
        parts: 0,
        brackets: Vec::new(),
        statement: None,
        after_value: false,
    };
    for token in tokenize(source, false, syntax) {
        let (token, span) = token.map_err(|error| super::error_text(&error))?;
        scan.token(&token).map_err(|what| at(&what, span))?;
    }
    Ok(())
}

fn at(what: &str, span: Span) -> String {
    format!("{what}, line {}", span.start_line)
}

impl Scan {
    fn token(&mut self, token: &Token<'_>) -> Result<(), String> {
        match token {
            Token::TemplateData(_) => return Ok(()),
            Token::VariableStart | Token::BlockStart => {
                self.parts = 0;
                self.brackets.clear();
                self.after_value = false;
                self.statement = matches!(token, Token::VariableStart).then_some(Statement::Output);
                return Ok(());
            }
            Token::BlockEnd | Token::VariableEnd => {
                let outputs_to_a_name = self.statement == Some(Statement::SetName);
                return if outputs_to_a_name {
                    Err("it puts output into a variable".to_owned())
                } else {
                    Ok(())
                };
            }
            _ => {}
        }
        self.parts = self.parts.saturating_add(1);
        if self.parts > MOST_PARTS {
            return Err(format!("a tag has more than {MOST_PARTS} words and signs"));
        }
        match (token, self.statement) {
            (Token::Ident(keyword), None) => return self.keyword(keyword),
            (Token::Ident("in"), Some(Statement::Targets)) => {
                self.statement = Some(Statement::Loop);
            }
            (Token::Ident("recursive"), Some(Statement::Loop)) => {
                return Err("a loop calls itself (recursive)".to_owned());
            }
            (Token::Assign, Some(Statement::SetName)) => self.statement = Some(Statement::Plain),
            _ => {}
        }
        self.value_or_sign(token)?;
        self.after_value = match token {
            Token::Ident(word) => {
                !matches!(*word, "and" | "or" | "not" | "in" | "is" | "if" | "else")
            }
            Token::Str(_)
            | Token::String(_)
            | Token::Int(_)
            | Token::Int128(_)
            | Token::Float(_) => true,
            other => matches!(other, Token::ParenClose | Token::BracketClose | Token::BraceClose),
        };
        Ok(())
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), String> {
        self.statements = self.statements.saturating_add(1);
        if self.statements > MOST_STATEMENTS {
            return Err(format!("it has more than {MOST_STATEMENTS} statements"));
        }
        match keyword {
            "for" | "if" | "with" => self.blocks.push(1),
            "elif" => {
                if let Some(levels) = self.blocks.last_mut() {
                    *levels = levels.saturating_add(1);
                }
            }
            "endfor" | "endif" | "endwith" => {
                self.blocks.pop();
            }
            "else" | "set" => {}
            _ => return Err("it has a statement other than for, if, with and set".to_owned()),
        }
        if self.blocks.iter().sum::<usize>() > MOST_BLOCKS {
            return Err(format!("blocks lie deeper than {MOST_BLOCKS} in each other"));
        }
        self.statement = Some(match keyword {
            "for" => Statement::Targets,
            "with" => Statement::With,
            "set" => Statement::SetName,
            _ => Statement::Plain,
        });
        Ok(())
    }

    fn value_or_sign(&mut self, token: &Token<'_>) -> Result<(), String> {
        let open = match token {
            Token::ParenOpen if self.after_value => Some(Bracket::Call),
            Token::BracketOpen if self.after_value => Some(Bracket::Group),
            Token::ParenOpen => Some(Bracket::Group),
            Token::BracketOpen | Token::BraceOpen => Some(Bracket::Literal),
            _ => None,
        };
        if let Some(open) = open {
            self.brackets.push(open);
            if self.brackets.len() > MOST_BRACKETS {
                return Err(format!("brackets lie deeper than {MOST_BRACKETS} in each other"));
            }
        }
        match token {
            // A few lines of `a ~ a` would fill the memory, whatever the work costs.
            Token::Tilde | Token::Plus | Token::Mul | Token::Pow => {
                Err("it joins or multiplies values".to_owned())
            }
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                self.brackets.pop();
                Ok(())
            }
            Token::Ident(name)
                if self.brackets.contains(&Bracket::Literal) && !is_constant(name) =>
            {
                Err("a list or map holds a variable; write values only".to_owned())
            }
            Token::Comma if !self.may_have_comma() => {
                Err("it makes a list of values without brackets".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn may_have_comma(&self) -> bool {
        match (self.statement, self.brackets.last()) {
            (Some(Statement::Targets), _)
            | (Some(Statement::With), None)
            | (_, Some(Bracket::Literal | Bracket::Call)) => true,
            (_, Some(Bracket::Group) | None) => false,
        }
    }
}

fn is_constant(word: &str) -> bool {
    matches!(word, "true" | "True" | "false" | "False" | "none" | "None")
}
