import type { Gpu } from "../gpu/mod.ts";

/** Elements; the parts of a buffer that are bound start at multiples of 256 bytes. */
const ALIGNMENT = 64;

/**
 * The residual stream f32 `[tokens, width]`, and for decoding rows what the next norm and the product
 * behind it need: the rows times the norm's weight, and the sums of squares of every 4 elements. A
 * norm is `weighted · scale` with one scale a row, so it takes no dispatch: who adds to the stream
 * writes those parts, and the product scales what it has added up.
 */
export class ResidualStream {
  readonly buffer: GPUBuffer;
  readonly width: number;
  /** Element where the weighted rows start. */
  readonly weightedAt: number;
  /** Element where the sums of squares start; a row has `ceil(width / 16) · 4` of them. */
  readonly squaresAt: number;

  /** `decodeRows` is how many rows have the other two parts; width is a multiple of 4. */
  constructor(gpu: Gpu, sizes: { tokens: number; decodeRows: number; width: number }) {
    const { tokens, decodeRows, width } = sizes;
    this.width = width;
    this.weightedAt = Math.ceil(tokens * width / ALIGNMENT) * ALIGNMENT;
    this.squaresAt = this.weightedAt + decodeRows * width;
    const elements = this.squaresAt + decodeRows * Math.ceil(width / 16) * 4;
    this.buffer = gpu.buffers.storage("residual stream", 4 * elements);
  }

  /** The weighted rows and the sums behind them, for a kernel that reads only these. */
  get weighted(): GPUBufferBinding {
    const offset = 4 * this.weightedAt;
    return { buffer: this.buffer, offset, size: this.buffer.size - offset };
  }
}
