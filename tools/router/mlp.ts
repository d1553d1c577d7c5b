import type * as Jax from "@jax-js/jax";
import type { Rng } from "../tasks/rng.ts";
import { uniform } from "./random.ts";

/** Floats in memory of their own, as the library wants them. */
export type Floats = Float32Array<ArrayBuffer>;

/** A layer's weights f32 `[inputs, outputs]` and biases f32 `[outputs]`. */
export interface Layer {
  weights: Floats;
  biases: Floats;
}

/** Three hidden layers and the class layer behind them. */
export interface MlpShape {
  inputs: number;
  hidden: number;
  classes: number;
  /** Rows of every call; what is not needed is zeros. */
  batch: number;
  weightDecay: number;
}

/** What a batch gave. */
export interface MlpReading {
  /** f32 `[batch, classes]` */
  logits: Float32Array;
  /** f32 `[batch, hidden]`, each row of length 1. */
  features: Float32Array;
}

type Tensor = Jax.numpy.Array;
type Weights = { w: Tensor[]; b: Tensor[] };
type State = { p: Weights; first: Weights; second: Weights };

const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8];

/** The library is large and only training needs it, so it is loaded when a net is made. */
async function loadJax(): Promise<typeof Jax> {
  const jax = await import("@jax-js/jax");
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  return jax;
}

/** The net behind the pools, trained by AdamW in WebAssembly. */
export class Mlp {
  readonly shape: MlpShape;
  readonly #jax: typeof Jax;
  readonly #step: ReturnType<typeof compile>["step"];
  readonly #read: ReturnType<typeof compile>["read"];
  #state: State;
  #count = 0;

  private constructor(jax: typeof Jax, shape: MlpShape, layers: Layer[]) {
    this.#jax = jax;
    this.shape = shape;
    this.#state = {
      p: upload(jax, shape, layers),
      first: upload(jax, shape, layers.map(zerosLike)),
      second: upload(jax, shape, layers.map(zerosLike)),
    };
    const { step, read } = compile(jax, shape);
    this.#step = step;
    this.#read = read;
  }

  static async create(shape: MlpShape, rng: Rng): Promise<Mlp> {
    const layers = sizesOf(shape).map(([inputs, outputs], index): Layer => {
      // The class layer reads features of length 1, so its weights begin larger.
      const size = index < 3 ? Math.sqrt(3 / inputs) : 1;
      return {
        weights: Float32Array.from({ length: inputs * outputs }, () => uniform(rng, size)),
        biases: new Float32Array(outputs),
      };
    });
    return new Mlp(await loadJax(), shape, layers);
  }

  /**
   * One step on f32 `[batch, inputs]` and the weights f32 `[batch, classes]` of each row's classes in
   * the loss (all together 1). Gives the loss and its gradient by the inputs.
   */
  async train(
    inputs: Floats,
    targets: Floats,
    rate: number,
  ): Promise<{ loss: number; gradient: Float32Array }> {
    const { numpy: np } = this.#jax;
    const { batch, classes } = this.shape;
    this.#count++;
    const rates = [rate, 1 - BETA1 ** this.#count, 1 - BETA2 ** this.#count];
    const [state, loss, gradient] = this.#step(
      this.#state,
      np.array(inputs, { shape: [batch, this.shape.inputs] }),
      np.array(targets, { shape: [batch, classes] }),
      np.array(Float32Array.from(rates)),
    );
    this.#state = state;
    const pulled = await gradient.data() as Float32Array;
    const [value] = await loss.data();
    return { loss: value, gradient: pulled };
  }

  async read(inputs: Floats): Promise<MlpReading> {
    const { tree, numpy: np } = this.#jax;
    const shape = [this.shape.batch, this.shape.inputs];
    const [logits, features] = this.#read(
      tree.ref(this.#state.p) as Weights,
      np.array(inputs, { shape }),
    );
    return {
      logits: await logits.data() as Float32Array,
      features: await features.data() as Float32Array,
    };
  }

  async snapshot(): Promise<Layer[]> {
    const { w, b } = this.#jax.tree.ref(this.#state.p) as Weights;
    return await Promise.all(w.map(async (weights, i) => ({
      weights: (await weights.data() as Float32Array).slice(),
      biases: (await b[i].data() as Float32Array).slice(),
    })));
  }

  restore(layers: Layer[]): void {
    this.#jax.tree.dispose(this.#state.p);
    this.#state.p = upload(this.#jax, this.shape, layers);
  }
}

function sizesOf({ inputs, hidden, classes }: MlpShape): [number, number][] {
  return [[inputs, hidden], [hidden, hidden], [hidden, hidden], [hidden, classes]];
}

function zerosLike({ weights, biases }: Layer): Layer {
  return { weights: new Float32Array(weights.length), biases: new Float32Array(biases.length) };
}

function upload({ numpy: np }: typeof Jax, shape: MlpShape, layers: Layer[]): Weights {
  return {
    w: sizesOf(shape).map((size, i) => np.array(layers[i].weights, { shape: size })),
    b: sizesOf(shape).map(([, outputs], i) => np.array(layers[i].biases, { shape: [outputs] })),
  };
}

/** jax-js takes an array as given away with every use; `.ref` keeps one more for later. */
function compile(jax: typeof Jax, { weightDecay }: MlpShape) {
  const { numpy: np, nn, tree } = jax;

  function forward({ w, b }: Weights, inputs: Tensor): [Tensor, Tensor] {
    let x = inputs;
    for (let i = 0; i < 3; i++) x = nn.relu(np.matmul(x, w[i]).add(b[i]));
    const norm = np.sqrt(np.square(x.ref).sum(1, { keepdims: true }).add(1e-12));
    const features = x.div(norm);
    return [np.matmul(features.ref, w[3]).add(b[3]), features];
  }

  function lossOf(weights: Weights, inputs: Tensor, targets: Tensor): Tensor {
    const [logits, features] = forward(weights, inputs);
    features.dispose();
    return nn.logSoftmax(logits, 1).mul(targets).sum().neg();
  }

  const gradients = jax.valueAndGrad(lossOf, { argnums: [0, 1] });

  function adam(state: State, kind: "w" | "b", at: number, g: Tensor, rates: Tensor[]) {
    const [rate, scale1, scale2] = rates.map((value) => value.ref);
    const first = state.first[kind][at].mul(BETA1).add(g.ref.mul(1 - BETA1));
    const second = state.second[kind][at].mul(BETA2).add(np.square(g).mul(1 - BETA2));
    const size = np.sqrt(second.ref.div(scale2)).add(EPSILON);
    const move = first.ref.div(scale1).div(size);
    const p = state.p[kind][at];
    const whole = kind === "w" ? move.add(p.ref.mul(weightDecay)) : move;
    return { p: p.sub(whole.mul(rate)), first, second };
  }

  function stepOf(
    state: State,
    inputs: Tensor,
    targets: Tensor,
    packed: Tensor,
  ): [State, Tensor, Tensor] {
    const [loss, [gradient, pulled]] = gradients(tree.ref(state.p) as Weights, inputs, targets);
    const rates = [0, 1, 2].map((i) => packed.ref.slice(i));
    packed.dispose();
    const all = (["w", "b"] as const).map((kind) =>
      state.p[kind].map((_, at) => adam(state, kind, at, gradient[kind][at], rates))
    );
    rates.forEach((value) => value.dispose());
    const take = (part: "p" | "first" | "second"): Weights => ({
      w: all[0].map((entry) => entry[part]),
      b: all[1].map((entry) => entry[part]),
    });
    return [{ p: take("p"), first: take("first"), second: take("second") }, loss, pulled];
  }

  return { step: jax.jit(stepOf), read: jax.jit(forward) };
}
