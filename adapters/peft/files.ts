/** An adapter as PEFT saves it: the bytes of its two files. */
export interface AdapterFiles {
  /** `adapter_config.json` */
  config: Uint8Array<ArrayBuffer>;
  /** `adapter_model.safetensors` */
  weights: Uint8Array<ArrayBuffer>;
}

export const CONFIG_FILE = "adapter_config.json";
export const WEIGHTS_FILE = "adapter_model.safetensors";
/** What older PEFT wrote: a pickle, which can run code when it is read. */
export const PICKLE_FILE = "adapter_model.bin";
