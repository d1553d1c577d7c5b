export { accuracy } from "./accuracy.ts";
export { bleu } from "./bleu.ts";
export { type CompositeScore, scoreComposite } from "./composite.ts";
export { rouge1, rougeL } from "./rouge.ts";
