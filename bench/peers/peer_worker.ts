import { messageOf } from "../../engine/core/errors.ts";
import { OrtDecoder } from "./ort_decoder.ts";
import type { PeerDecoder, PeerName, PeerOptions } from "./peer.ts";
import { TransformersDecoder } from "./transformers_decoder.ts";

/** What the worker is asked, one thing at a time. */
export type PeerQuestion =
  | { kind: "open"; peer: PeerName; options: PeerOptions }
  | { kind: "generate"; prompts: number[][]; maxTokens: number }
  | { kind: "close" };

/** `value` is what the call of PeerDecoder resolves to. */
export type PeerReply = { kind: "done"; value: unknown } | { kind: "failed"; message: string };

const scope = self as unknown as {
  onmessage: (event: MessageEvent<PeerQuestion>) => void;
  postMessage(reply: PeerReply): void;
};

let decoder: PeerDecoder | null = null;

scope.onmessage = ({ data }) => {
  answer(data).then(
    (value) => scope.postMessage({ kind: "done", value }),
    (error) => scope.postMessage({ kind: "failed", message: messageOf(error) }),
  );
};

async function answer(question: PeerQuestion): Promise<unknown> {
  switch (question.kind) {
    case "open":
      decoder = await open(question.peer, question.options);
      return;
    case "generate":
      return await decoder!.generate(question.prompts, question.maxTokens);
    case "close":
      return await decoder?.close();
  }
}

function open(peer: PeerName, options: PeerOptions): Promise<PeerDecoder> {
  switch (peer) {
    case "onnxruntime-web":
      return OrtDecoder.open(options);
    case "onnxruntime-web, quick readback":
      return OrtDecoder.open({ ...options, quickReadback: true });
    case "transformers.js":
      return TransformersDecoder.open(options);
  }
}
