/** When a request was sent and what came of it. */
export interface Sent<Answer> {
  /** By performance.now(): when it was due, which is when it was sent where nothing held it back. */
  arrivedAt: number;
  sentAt: number;
  doneAt: number;
  answer: Answer;
}

/** So many clients; each asks again as soon as it has its answer. Resolves to what all of them sent. */
export async function closedLoop<Answer>(
  ask: () => Promise<Answer>,
  { clients, requestsEach }: { clients: number; requestsEach: number },
): Promise<Sent<Answer>[]> {
  const each = await Promise.all(Array.from({ length: clients }, async () => {
    const own: Sent<Answer>[] = [];
    for (let i = 0; i < requestsEach; i++) {
      const sentAt = performance.now();
      const answer = await ask();
      own.push({ arrivedAt: sentAt, sentAt, doneAt: performance.now(), answer });
    }
    return own;
  }));
  return each.flat();
}
