export { BufferScope } from "./buffers.ts";
export { type Gpu, openGpu } from "./device.ts";
export { type Bindable, BoundKernel, type Grid, Kernel, type KernelOptions } from "./kernel.ts";
export { Readback, type ReadPart, type Staged } from "./readback.ts";
export { Recorder, type Submission } from "./recorder.ts";
export type { ParamValues } from "./wgsl_interface.ts";
