/** How a reply to a composite prompt did. */
export interface CompositeScore {
  /** One a sentence that was asked for: whether it is there, in its place. */
  sentences: boolean[];
  /** The whole reply is exactly the answer. */
  whole: boolean;
}

/**
 * Goes through the sentences in order, as tools/demo/scores.py does: where the rest of the reply begins with the sentence it
 * is right and left behind; else the rest goes on behind its first full stop.
 */
export function scoreComposite(
  reply: string,
  { answer, answers }: { answer: string; answers: readonly string[] },
): CompositeScore {
  const text = reply.trim();
  let rest = text;
  const sentences = answers.map((sentence) => {
    const isRight = rest.startsWith(sentence);
    rest = isRight ? rest.slice(sentence.length).trimStart() : behindFullStop(rest);
    return isRight;
  });
  return { sentences, whole: text === answer };
}

function behindFullStop(text: string): string {
  const at = text.indexOf(". ");
  return at < 0 ? "" : text.slice(at + 2);
}
