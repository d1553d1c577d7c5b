import { WeftError } from "../core/errors.ts";

/** A model on the Hugging Face hub. */
export interface HubSpec {
  /** `owner/name`. */
  repo: string;
  /** Branch, tag or commit; null is the main branch. */
  revision: string | null;
}

const SPEC = /^hf:\/\/([\w.-]+\/[\w.-]+)(?:@([\w./-]+))?$/;

export function isHubSpec(spec: string): boolean {
  return spec.startsWith("hf://");
}

/** @throws {WeftError} `bad_model` unless the text reads `hf://owner/name` or `hf://owner/name@revision`. */
export function parseHubSpec(spec: string): HubSpec {
  const [, repo, revision = null] = SPEC.exec(spec) ?? [];
  if (repo === undefined || spec.includes("..") || repo.split("/").some((part) => part === ".")) {
    throw new WeftError(
      "bad_model",
      `Cannot use the model ${
        JSON.stringify(spec)
      }: hf://owner/name or hf://owner/name@revision is needed`,
    );
  }
  return { repo, revision };
}

/** A full commit id, which can never mean other content later. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}
