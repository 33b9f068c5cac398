//! What the demo says: something about the viewer's own situation, in an order that depends on the question.

/// The longest piece of the question that is repeated, in characters.
const QUOTED_CHARS_MAX: usize = 160;

const PARAGRAPHS: [&str; 6] = [
    "Every word you see was a record in a log before it was sent to you. The log is on disk: if the server is killed now, \
     what you have read so far is still there when it comes back.",
    "Reload this page in the middle of the sentence. Nothing is asked again and nothing is paid twice: your browser names \
     the last event it saw, and the answer goes on behind it.",
    "Open the same link in another window, or send it to somebody. There is one answer and any number of viewers, and each \
     of them reads at a pace of their own.",
    "Cut the connection whenever you like; a train in a tunnel does nothing else. The answer is not written for your \
     connection, so it does not end with it.",
    "Press Stop, and the upstream is told to stop within a blink. What was written stays, and everybody who watches is told \
     that it was stopped rather than finished.",
    "If the upstream breaks off, you are told so. A cut is never dressed up as an end: an answer is completed, stopped, \
     failed or interrupted, and it says which.",
];

/// The answer to `prompt`.
pub(super) fn text(prompt: &str) -> String {
    let start = prompt.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    let order = (0..PARAGRAPHS.len()).map(|step| (start + step) % PARAGRAPHS.len());
    let paragraphs = order.filter_map(|index| PARAGRAPHS.get(index).copied());
    paragraphs.fold(greeting(prompt), |text, paragraph| text + "\n\n" + paragraph)
}

/// The first piece of `text`, like a model's tokens: a word with the space before it, or the end of a paragraph.
pub(super) fn first_piece(text: &str) -> &str {
    if text.starts_with("\n\n") {
        return text.get(..2).unwrap_or_default();
    }
    let end = text.bytes().skip(1).position(|byte| matches!(byte, b' ' | b'\n'));
    end.and_then(|end| text.get(..=end)).unwrap_or(text)
}

fn greeting(prompt: &str) -> String {
    let words: Vec<&str> = prompt.split_whitespace().collect();
    if words.is_empty() {
        return "You asked nothing, so here is something about this answer itself.".to_owned();
    }
    let question = words.join(" ");
    let mut quoted: String = question.chars().take(QUOTED_CHARS_MAX).collect();
    if quoted.len() < question.len() {
        quoted.push('…');
    }
    format!(
        "You asked: “{quoted}” I am a demonstration and know only one subject, which is how this answer reaches you."
    )
}
