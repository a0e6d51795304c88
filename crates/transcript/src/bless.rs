//! Writes into a transcript what was really answered.
//!
//! Only wrong replies are replaced; a reply that matched keeps its patterns, and comments and layout between steps
//! stay as their author wrote them. Blessing makes a transcript complete, not true: read what it wrote.

use std::ops::Range;

use crate::{
    conversation::{Conversation, Script, Step},
    play::{Answer, Played, PlayedStep, Verdict},
    render::render_event,
};

/// The text of the script with the replies that were played: `played` holds one for each conversation of the
/// script, `None` for those to leave alone.
#[must_use]
pub fn bless(script: &Script, played: &[Option<Played>]) -> String {
    let mut lines = script.lines.clone();
    let pairs = script.conversations.iter().zip(played);
    let steps = pairs.flat_map(|(conversation, played)| {
        let played = played.iter().flat_map(|played| &played.steps);
        conversation.steps.iter().zip(played).map(move |(step, played)| (conversation, step, played))
    });
    // From the end, so that line numbers before the change stay what they are.
    for (conversation, step, played) in steps.collect::<Vec<_>>().into_iter().rev() {
        if played.answers.iter().any(|answer| answer.verdict == Verdict::Wrong) {
            lines.splice(written(step), blessed(script, conversation, step, played));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The lines between the first and the last reply of a step; behind the step itself when it has none.
fn written(step: &Step) -> Range<usize> {
    match (step.expected.first(), step.expected.last()) {
        (Some(first), Some(last)) => first.lines.start..last.lines.end,
        _ => step.line..step.line,
    }
}

fn blessed(script: &Script, conversation: &Conversation, step: &Step, played: &PlayedStep) -> Vec<String> {
    let line = &script.lines[step.line - 1];
    let indent = line.len() - line.trim_start().len();
    let lines = played.answers.iter().map(|answer| match answer {
        Answer { verdict: Verdict::Right, expected: Some(index), .. } => {
            script.lines[step.expected[*index].lines.clone()].to_vec()
        }
        Answer { event: Some(event), client, .. } => {
            let name = conversation.name(*client);
            let text = format!("{}{name}: {}", " ".repeat(indent), render_event(event, indent));
            text.lines().map(str::to_owned).collect()
        }
        Answer { event: None, .. } => Vec::new(),
    });
    lines.flatten().collect()
}
