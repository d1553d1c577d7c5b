/** Chooses kernels' variants, by measuring them on the device at hand where that is asked for. */
export { chooseTuning, type Tuned } from "./choose_tuning.ts";
