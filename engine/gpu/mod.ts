export { BufferScope } from "./buffers.ts";
export { type Gpu, openGpu } from "./device.ts";
export { type Bindable, BoundKernel, type Grid, Kernel, type KernelOptions } from "./kernel.ts";
export { Readback } from "./readback.ts";
export { Recorder } from "./recorder.ts";
export type { ParamValues } from "./wgsl_interface.ts";
