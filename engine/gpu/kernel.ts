import type { Gpu } from "./device.ts";
import { ParamTemplate } from "./param_template.ts";
import type { Recorder } from "./recorder.ts";
import {
  type ParamField,
  type ParamValues,
  readInterface,
  type WgslInterface,
} from "./wgsl_interface.ts";

/** What selects a compiled variant of a kernel. */
export interface KernelOptions {
  /** Values of the WGSL's `override` constants. */
  constants?: Record<string, number>;
  /** WGSL put in front of the source: type aliases and helper functions. */
  preludes?: readonly string[];
}

/** A buffer, or a part of one, to bind. */
export type Bindable = GPUBuffer | GPUBufferBinding;

/** Workgroups to run: x, y and z. */
export type Grid = readonly [number, number?, number?];

/** A compiled compute shader. Bind buffers once, then dispatch as often as wanted. */
export class Kernel {
  readonly #gpu: Gpu;
  readonly #name: string;
  readonly #interface: WgslInterface;
  readonly #pipeline: GPUComputePipeline;
  readonly #layout: GPUBindGroupLayout;

  constructor(gpu: Gpu, name: string, wgsl: string, options: KernelOptions = {}) {
    this.#gpu = gpu;
    this.#name = name;
    this.#interface = readInterface(wgsl);
    const { device } = gpu;
    const code = [...(options.preludes ?? []), wgsl].join("\n");
    // `enable` directives must come first, wherever a prelude put them.
    const enables = code.match(/^enable .*;$/gm) ?? [];
    const body = code.replace(/^enable .*;$/gm, "");
    const module = moduleOf(device, name, [...new Set(enables), body].join("\n"));
    this.#layout = device.createBindGroupLayout({
      label: name,
      entries: layoutOf(this.#interface),
    });
    this.#pipeline = device.createComputePipeline({
      label: name,
      layout: device.createPipelineLayout({ bindGroupLayouts: [this.#layout] }),
      compute: { module, entryPoint: "main", constants: options.constants },
    });
  }

  /**
   * `constants` are parameters that are the same in each dispatch. Throws when a buffer the WGSL declares is
   * missing, or when a buffer or a constant is given that it does not declare.
   */
  bind(
    buffers: Readonly<Record<string, Bindable>>,
    uniforms: GPUBuffer,
    constants: ParamValues = {},
  ): BoundKernel {
    const { bindings, params } = this.#interface;
    const unknown = Object.keys(buffers).filter((name) => !bindings.some((b) => b.name === name));
    if (unknown.length > 0) throw new Error(`${this.#name} has no buffer named ${unknown}`);
    const strange = Object.keys(constants).filter((name) => !params.some((p) => p.name === name));
    if (strange.length > 0) throw new Error(`${this.#name} has no parameter named ${strange}`);
    const entries: GPUBindGroupEntry[] = bindings.map(({ name, index }) => {
      const buffer = buffers[name];
      if (!buffer) throw new Error(`${this.#name} needs a buffer named ${name}`);
      return { binding: index, resource: "buffer" in buffer ? buffer : { buffer } };
    });
    if (params.length > 0) {
      entries.push({ binding: 0, resource: { buffer: uniforms, size: paramBytes(params) } });
    }
    const group = this.#gpu.device.createBindGroup({
      label: this.#name,
      layout: this.#layout,
      entries,
    });
    const template = new ParamTemplate(params, constants);
    return new BoundKernel(this.#pipeline, group, template);
  }
}

/** A kernel with its buffers: what a step records. */
export class BoundKernel {
  readonly #pipeline: GPUComputePipeline;
  readonly #group: GPUBindGroup;
  readonly #template: ParamTemplate;

  constructor(pipeline: GPUComputePipeline, group: GPUBindGroup, template: ParamTemplate) {
    this.#pipeline = pipeline;
    this.#group = group;
    this.#template = template;
  }

  /** Records one dispatch; `params` are those that aren't constants. An empty grid records nothing. */
  dispatch(recorder: Recorder, params: ParamValues, grid: Grid): void {
    const x = grid[0];
    const y = grid[1] ?? 1;
    const z = grid[2] ?? 1;
    if (x === 0 || y === 0 || z === 0) return;
    const offset = this.#template.size > 0 ? recorder.uniforms.push(this.#template, params) : -1;
    recorder.run(this.#pipeline, this.#group, offset, x, y, z);
  }
}

/** Variants of a kernel share their module, so that its WGSL is read once. */
const modules = new WeakMap<GPUDevice, Map<string, GPUShaderModule>>();

function moduleOf(device: GPUDevice, label: string, code: string): GPUShaderModule {
  let known = modules.get(device);
  if (!known) modules.set(device, known = new Map());
  let module = known.get(code);
  if (!module) known.set(code, module = device.createShaderModule({ label, code }));
  return module;
}

function layoutOf({ bindings, params }: WgslInterface): GPUBindGroupLayoutEntry[] {
  const entries: GPUBindGroupLayoutEntry[] = bindings.map(({ index, access }) => ({
    binding: index,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type: access === "read" ? "read-only-storage" : "storage" },
  }));
  if (params.length > 0) {
    entries.push({
      binding: 0,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: "uniform", hasDynamicOffset: true },
    });
  }
  return entries;
}

function paramBytes(params: readonly ParamField[]): number {
  return Math.ceil(params.length / 4) * 16;
}
