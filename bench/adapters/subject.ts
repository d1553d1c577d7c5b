/** An adapter of the demo that stands for its size. */
export interface Subject {
  adapter: string;
  /** For people. */
  label: string;
  /** Of its tensors, as f16. */
  fileBytes: number;
}
