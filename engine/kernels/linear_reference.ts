/** `y[t] = W x[t] + bias` on the host, for tests. */
export function linearReference(
  x: Float32Array,
  weight: Float32Array,
  options: { cols: number; bias?: Float32Array },
): Float32Array {
  const { cols, bias } = options;
  const rows = weight.length / cols;
  const tokens = x.length / cols;
  const y = new Float32Array(tokens * rows);
  for (let t = 0; t < tokens; t++) {
    for (let r = 0; r < rows; r++) {
      let sum = bias?.[r] ?? 0;
      for (let c = 0; c < cols; c++) sum += weight[r * cols + c] * x[t * cols + c];
      y[t * rows + r] = sum;
    }
  }
  return y;
}
