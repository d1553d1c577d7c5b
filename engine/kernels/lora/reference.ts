/** What LoraShrink and LoraExpand compute together, on the host in float64: for tests. */
import { MAX_MIXTURE } from "../../core/adapter_weights.ts";
import { type LoraGroup, NO_SLOT } from "./lora_group.ts";

/** The kernels' inputs as arrays; `mix` and `slots` hold f32 bits in u32 where the tables do. */
export interface LoraArrays {
  rows: Uint32Array;
  mix: Uint32Array;
  slots: Uint32Array;
  x: Float32Array;
  a: Float32Array;
  b: Float32Array;
  y: Float32Array;
}

/** y after the update. */
export function loraReference(group: LoraGroup, arrays: LoraArrays): Float64Array {
  const { rows, mix, slots, x, a, b } = arrays;
  const y = Float64Array.from(arrays.y);
  rows.forEach((row, token) => {
    if (row === NO_SLOT) return;
    group.members.forEach((member, m) => {
      for (let entry = 0; entry < MAX_MIXTURE; entry++) {
        const at = 2 * (row * MAX_MIXTURE + entry);
        if (mix[at] === NO_SLOT) break;
        const slot = 4 * (mix[at] * group.modules + group.module + m);
        const factor = floatOf(mix[at + 1]) * floatOf(slots[slot + 2]);
        for (let rank = slots[slot]; rank < slots[slot] + slots[slot + 1]; rank++) {
          let sum = 0;
          for (let i = 0; i < group.inSize; i++) {
            sum += a[(member.aRow + rank) * group.inSize + i] * x[token * group.inSize + i];
          }
          for (let o = 0; o < member.outSize; o++) {
            y[token * group.outStride + member.outOffset + o] += factor * sum *
              b[member.bStart + rank * member.outSize + o];
          }
        }
      }
    });
  });
  return y;
}

function floatOf(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0];
}
