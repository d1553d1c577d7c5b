import type { AdapterWeights } from "../../engine/core/adapter_weights.ts";
import type { ModelConfig } from "../../engine/core/model_config.ts";
import { bytesOf } from "../memory.ts";
import type { AdapterContent } from "../origin.ts";
import {
  type AdapterFiles,
  describeTargets,
  digestsOf,
  parsePeftAdapter,
  parsePeftConfig,
} from "../peft/mod.ts";
import type { Content } from "./content.ts";
import { BadContent } from "./retry_policy.ts";

export interface ContentCheckOptions {
  /** The base that every adapter must fit. */
  model: ModelConfig;
  /** The largest rank a module may have. */
  maxRank: number;
  /** What the weights become on the GPU. */
  dtype: "f16" | "f32";
  /** Throws for what could never fit in memory. */
  refuseBeyond(bytes: number): void;
}

/** Content with the version that its origin gave it. */
export interface VersionedContent extends Content {
  readonly version: string;
}

/** Whether this server can use what came, and what it is then. */
export class ContentCheck {
  readonly #options: ContentCheckOptions;

  constructor(options: ContentCheckOptions) {
    this.#options = options;
  }

  /** @throws {BadContent} when it can't be used. What `signal` holds when it aborts. */
  async examine(
    { files, version }: AdapterContent,
    signal: AbortSignal,
  ): Promise<{ content: VersionedContent; weights: AdapterWeights }> {
    try {
      const { generation, sha256 } = await digestsOf(files);
      const weights = await this.parse(files, { generation, signal });
      const bytes = bytesOf(weights);
      this.#options.refuseBeyond(bytes);
      const targetModules = describeTargets(parsePeftConfig(files.config).targets);
      const rank = weights.maxRank;
      return { content: { generation, version, sha256, rank, bytes, targetModules }, weights };
    } catch (error) {
      signal.throwIfAborted();
      throw new BadContent(version, error);
    }
  }

  /** @throws {WeftError} `bad_adapter`. What `signal` holds when it aborts. */
  parse(
    files: AdapterFiles,
    known: { generation: string; signal: AbortSignal },
  ): Promise<AdapterWeights> {
    const { model, maxRank, dtype } = this.#options;
    return parsePeftAdapter(files, { model, maxRank, dtype, ...known });
  }
}
