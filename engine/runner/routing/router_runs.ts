import { DEFAULT_ROUTING, type RoutingOptions, type TextRoute } from "../../core/routing.ts";
import { type Gpu, Readback, type Recorder } from "../../gpu/mod.ts";
import {
  MAX_CLASSES,
  MAX_FEATURES,
  MAX_PROTOTYPES,
  MAX_ROUTED_ROWS,
  readRecords,
  RECORD_BYTES,
} from "../../kernels/mod.ts";
import { refused, type ResidentRouter, type RoutedOutput, slotsOf } from "../../router/mod.ts";
import { type Inquiry, notNumbers, OF_NOTHING, type RoutedText } from "./routed_text.ts";

/** A run that was put before a step. */
export interface RunOutput extends RoutedOutput {
  /** To be read once the step has run, and given to `read`. */
  records: { buffer: GPUBuffer; bytes: number };
  read(data: ArrayBuffer): RoutedText[];
}

/** Runs a router over texts, many in one batch. Nothing else may be recorded meanwhile. */
export class RouterRuns {
  readonly #recorder: Recorder;
  readonly #readback: Readback;
  readonly #slotOf: (generation: string) => number | null;

  private constructor(
    { recorder, slotOf }: {
      recorder: Recorder;
      slotOf: (generation: string) => number | null;
    },
    readback: Readback,
  ) {
    this.#recorder = recorder;
    this.#slotOf = slotOf;
    this.#readback = readback;
  }

  static async open(
    gpu: Gpu,
    parts: { recorder: Recorder; slotOf: (generation: string) => number | null },
  ): Promise<RouterRuns> {
    const perRow = RECORD_BYTES + 4 * (MAX_CLASSES + MAX_PROTOTYPES + MAX_FEATURES);
    return new RouterRuns(parts, await Readback.open(gpu, MAX_ROUTED_ROWS * perRow));
  }

  /** Puts a run over at most MAX_ROUTED_ROWS texts before what is recorded next. */
  async record(
    router: ResidentRouter,
    inquiries: readonly Inquiry[],
    options: { wantProbabilities?: boolean } = {},
  ): Promise<RunOutput> {
    const { classes } = router;
    const targets = classes.snapshot();
    const output = await router.record(this.#recorder, {
      texts: inquiries.map(({ text }) => text),
      orders: inquiries.map(({ row, options, inForce }) => ({
        row,
        options,
        previous: inForce && known(inForce.map(({ label, weight }) => ({
          classIndex: classes.indexOf(label),
          weight,
        }))),
      })),
      slots: slotsOf(targets, this.#slotOf),
      ...options,
    });
    const records = { buffer: router.records, bytes: inquiries.length * RECORD_BYTES };
    const read = (data: ArrayBuffer) =>
      readRecords(data, inquiries.length).map((record) => ({
        record,
        choices: record.choices.map(({ classIndex, weight, slot }) => ({
          ...targets[classIndex]!,
          weight,
          isHere: slot !== null,
        })),
      }));
    return { features: output.features, records, read, dispose: () => output.dispose() };
  }

  /** Waits for what the router says of texts; an empty one is the base's. */
  async ask(router: ResidentRouter, inquiries: readonly Inquiry[]): Promise<RoutedText[]> {
    const routes: RoutedText[] = [];
    for (const batch of batches(inquiries.filter(({ text }) => text.length > 0))) {
      const output = await this.record(router, batch);
      const [data] = await this.#read(output, [output.records]);
      routes.push(...output.read(data));
    }
    return inquiries.map(({ text }) =>
      text.length > 0 ? routes.shift()! : { record: OF_NOTHING, choices: [] }
    );
  }

  /** All that the router thinks of texts. Throws where its logits are no numbers. */
  async routes(
    router: ResidentRouter,
    texts: readonly Uint32Array[],
    options: RoutingOptions,
  ): Promise<TextRoute[]> {
    const routes: TextRoute[] = [];
    for (const batch of batches(texts.filter(({ length }) => length > 0))) {
      routes.push(...await this.#routesOf(router, batch, options));
    }
    const { labels, prototypes } = router.info;
    const probabilities = new Float32Array(labels.length + prototypes.length);
    return texts.map(({ length }) =>
      length > 0 ? routes.shift()! : { ...OF_NOTHING, probabilities }
    );
  }

  /** f32 `[size]` for each text. */
  async features(router: ResidentRouter, texts: readonly Uint32Array[]): Promise<Float32Array[]> {
    const width = router.info.features!;
    const features: Float32Array[] = [];
    for (const batch of batches(texts)) {
      const output = await this.record(router, batch.map((text) => onlyAsked(text)));
      const [data] = await this.#read(output, [
        { buffer: output.features!, bytes: 4 * batch.length * width },
      ]);
      batch.forEach((_, i) => features.push(new Float32Array(data, 4 * i * width, width)));
    }
    return features;
  }

  /**
   * Runs the kernels around a router once, so that drivers compile them before a request waits.
   *
   * @throws {WeftError} `bad_adapter`, reason "bad_router", where its logits are no numbers.
   */
  async warmUp(router: ResidentRouter): Promise<void> {
    router.classes.setTargets(router.info.labels.map((label) => ({ label, generation: null })));
    const output = await this.record(router, [onlyAsked([0])], { wantProbabilities: true });
    const [data] = await this.#read(output, [output.records]);
    router.classes.setTargets([]);
    if (output.read(data)[0].record.failed) {
      throw refused("its logits are not numbers for a text of token 0");
    }
  }

  /** Waits until nothing is read any more. */
  close(): Promise<void> {
    return this.#readback.close();
  }

  async #routesOf(
    router: ResidentRouter,
    texts: readonly Uint32Array[],
    options: RoutingOptions,
  ): Promise<TextRoute[]> {
    const inquiries = texts.map((text) => onlyAsked(text, options));
    const output = await this.record(router, inquiries, { wantProbabilities: true });
    const width = router.classes.size;
    const [records, probabilities] = await this.#read(output, [
      output.records,
      { buffer: router.probabilities, bytes: 4 * texts.length * width },
    ]);
    const places = [...router.info.labels, ...router.info.prototypes]
      .map((label) => router.classes.indexOf(label)!);
    return readRecords(records, texts.length).map((record, i) => {
      if (record.failed) throw notNumbers();
      const row = new Float32Array(probabilities, 4 * i * width, width);
      return {
        choices: record.choices.map(({ classIndex, weight }) => ({
          classIndex: places.indexOf(classIndex),
          weight,
        })),
        confidence: record.confidence,
        entropy: record.entropy,
        abstained: record.abstained,
        kept: false,
        probabilities: Float32Array.from(places, (place) => row[place]),
      };
    });
  }

  async #read(
    output: RunOutput,
    parts: { buffer: GPUBuffer; bytes: number }[],
  ): Promise<ArrayBuffer[]> {
    const data = await this.#readback.read(this.#recorder, parts);
    output.dispose();
    return data;
  }
}

/** A text of no batch row. */
function onlyAsked(text: Inquiry["text"], options: RoutingOptions = DEFAULT_ROUTING): Inquiry {
  return { text, options, inForce: null, row: null };
}

/** The mixture, or null when one of its classes is gone. */
function known(
  choices: { classIndex: number | null; weight: number }[],
): { classIndex: number; weight: number }[] | null {
  const isKnown = (choice: { classIndex: number | null; weight: number }): choice is {
    classIndex: number;
    weight: number;
  } => choice.classIndex !== null;
  return choices.every(isKnown) ? choices : null;
}

function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += MAX_ROUTED_ROWS) yield items.slice(i, i + MAX_ROUTED_ROWS);
}
