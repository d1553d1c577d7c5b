import { WeftError } from "../core/errors.ts";
import type { RouterInfo, RouterSource, RoutingVocabulary } from "../core/router.ts";
import type { Recorder } from "../gpu/mod.ts";
import {
  type KernelSet,
  MAX_PROTOTYPES,
  type Prototype,
  type RouteOrder,
  RoutingKernels,
  type RowTables,
} from "../kernels/mod.ts";
import { ClassTable } from "./class_table.ts";
import { paddedLength } from "./padding.ts";
import { refused } from "./refusal.ts";
import { RouterSession } from "./router_session.ts";

/** What a router on the GPU works with. */
export interface RouterSurroundings {
  kernels: KernelSet;
  /** The rows whose mixtures it writes. */
  tables: RowTables & { drawn: GPUBuffer };
  uniforms: GPUBuffer;
}

/** Texts to run through a router at once, at most MAX_ROUTED_ROWS. */
export interface RouterBatch {
  /** Each text's tokens, or at least its last ones. */
  texts: readonly (Uint32Array | readonly number[])[];
  orders: readonly RouteOrder[];
  /** By class, see ClassTable.slots. */
  slots: Uint32Array;
  wantProbabilities?: boolean;
}

/** What a batch left on the GPU; `dispose` once the commands that read it are submitted. */
export interface RoutedOutput {
  /** f32 `[rows, features]`; null where the router has none. */
  readonly features: GPUBuffer | null;
  dispose(): void;
}

/**
 * A router with everything around it, resident on the GPU: the session, the kernels before and after
 * it, and what its classes stand for.
 */
export class ResidentRouter {
  readonly classes: ClassTable;
  readonly #session: RouterSession;
  readonly #kernels: RoutingKernels;
  readonly #generation: string;

  private constructor(session: RouterSession, kernels: RoutingKernels, generation: string) {
    this.#session = session;
    this.#kernels = kernels;
    this.#generation = generation;
    this.classes = new ClassTable(session.file.labels);
  }

  /**
   * Opens a router's file and tries it out.
   *
   * @throws {WeftError} `bad_adapter`, reason "bad_router"; `unavailable`; `device_lost`.
   */
  static async open(
    { kernels, tables, uniforms }: RouterSurroundings,
    { file, generation }: RouterSource,
    vocabulary: RoutingVocabulary,
  ): Promise<ResidentRouter> {
    const session = await RouterSession.open(kernels.gpu.device, file);
    try {
      const { tokenizer, labels, features, temperature, maxTokens } = session.file;
      if (tokenizer !== vocabulary.hash) {
        throw refused(
          `it was made for the tokenizer ${tokenizer}, the base model's is ${vocabulary.hash}`,
        );
      }
      const vocab = vocabulary.table.ends.length;
      const shape = { classes: labels.length, features, temperature, maxTokens, vocab };
      const around = new RoutingKernels(kernels, tables, shape, { uniforms });
      return new ResidentRouter(session, around, generation);
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  get info(): RouterInfo {
    const { version, labels, topP, minConfidence, maxTokens, features, temperature } =
      this.#session.file;
    return {
      generation: this.#generation,
      version,
      labels,
      prototypes: this.classes.prototypes,
      topP,
      minConfidence,
      maxTokens,
      features,
      temperature,
    };
  }

  /** As it stands in the file. */
  get references(): string | undefined {
    return this.#session.file.references;
  }

  /** RouteRecord `[rows]` of the latest batch. */
  get records(): GPUBuffer {
    return this.#kernels.records;
  }

  /** f32 `[rows, classes.size]` of the latest batch, where asked for. */
  get probabilities(): GPUBuffer {
    return this.#kernels.probabilities;
  }

  /**
   * Submits what `recorder` holds and the router's run; what turns its logits into records and, where
   * orders name rows, into their mixtures is then recorded and runs before what is recorded next.
   */
  async record(recorder: Recorder, batch: RouterBatch): Promise<RoutedOutput> {
    const { texts, orders, slots, wantProbabilities } = batch;
    const { maxTokens } = this.#session.file;
    this.#kernels.setClassSlots(slots);
    const shape = this.#kernels.gather(
      recorder,
      texts.map((tokens) => ({ tokens, drawn: null })),
      (length) => paddedLength(length, maxTokens),
    );
    recorder.submit();
    const { inputIds, attentionMask } = this.#kernels;
    const output = await this.#session.run({ inputIds, attentionMask }, shape);
    const { logits, features } = output;
    this.#kernels.select(recorder, { logits, features, orders, wantProbabilities });
    return output;
  }

  /**
   * Gives a label a class made from examples.
   *
   * @throws {WeftError} `conflict` for a label of the router's own; `too_large` when there are too many.
   */
  setPrototype(label: string, prototype: Prototype): void {
    if (this.classes.isOwn(label)) {
      throw new WeftError(
        "conflict",
        `Cannot make a class "${label}" from examples: the router has one of that name`,
        { reason: "router_has_class" },
      );
    }
    const place = this.classes.placeOf(label, MAX_PROTOTYPES);
    if (place === null) {
      throw new WeftError(
        "too_large",
        `Cannot make a class "${label}" from examples: there are ${MAX_PROTOTYPES} such classes, the most allowed`,
        { reason: "too_many_prototypes" },
      );
    }
    this.#kernels.setPrototype(place, prototype);
  }

  /** Frees everything; call when no submission uses it any more. */
  async close(): Promise<void> {
    await this.#session.close();
    this.#kernels.destroy();
  }
}
