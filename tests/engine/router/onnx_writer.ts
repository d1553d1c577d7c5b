/** The trainer's writer can also write files that no exporter would make. */
export * from "../../../tools/router/onnx_writer.ts";
