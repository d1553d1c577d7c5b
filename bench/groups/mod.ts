import { adapterGroups } from "../adapters/mod.ts";
import type { BenchContext } from "../context.ts";
import type { GROUPS } from "../options.ts";
import { demoPeers, shapePeers } from "../peers/mod.ts";
import type { SeriesGroup } from "../series.ts";
import type { Shape } from "../shapes/shapes.ts";
import { contextGroup } from "./context_length.ts";
import { demoGroup } from "./demo.ts";
import { httpGroup } from "./http.ts";
import { kernelGroup } from "./kernels.ts";
import { limitsGroup } from "./limits.ts";
import { loraGroup } from "./lora.ts";
import { quantizedGroup } from "./quantized.ts";
import { residentGroup } from "./resident.ts";
import { routerGroup } from "./router.ts";
import { shapeGroup } from "./shapes.ts";
import { startGroup } from "./start.ts";
import { tuneGroup } from "./tune.ts";

const SMALLEST_SHAPE = "Qwen2-0.5B";

/** The groups of a part. Nothing is opened before it is measured. */
export function groupsOf(
  part: typeof GROUPS[number],
  context: BenchContext,
): SeriesGroup[] {
  switch (part) {
    case "tune":
      return [null, ...context.shapes].map((shape) => tuneGroup(context, shape));
    case "limits":
      return [limitsGroup(context)];
    case "demo":
      return [demoGroup(context)];
    case "lora":
      return context.isQuick && context.isSoftware
        ? [loraGroup(context, null)]
        : [loraGroup(context, null), ...context.shapes.map((shape) => loraGroup(context, shape))];
    case "resident":
      return [residentGroup(context)];
    case "router":
      return [routerGroup(context)];
    case "start":
      return [startGroup()];
    case "http":
      return [httpGroup(context)];
    case "adapters":
      return adapterGroups(context);
    case "context":
      return [contextGroup(context)];
    case "shapes":
      return context.shapes.map((shape) => shapeGroup(context, shape));
    case "quantized":
      return context.shapes.map((shape) => quantizedGroup(context, shape));
    case "kernels":
      return kernelModels(context).map((shape) => kernelGroup(context, shape));
    case "peers":
      return peerGroups(context);
  }
}

/** The demo pack tells of dispatches; a software driver's other shape takes long. */
function kernelModels({ isQuick, isSoftware, shapes }: BenchContext): (Shape | null)[] {
  return isQuick && isSoftware ? [null] : [null, ...shapes];
}

/** Other engines hold a model as one ONNX file below 2 GB: of the shapes only the smallest is. */
function peerGroups(context: BenchContext): SeriesGroup[] {
  if (context.isQuick && context.isSoftware) return [demoPeers(context)];
  const shapes = context.shapes.filter(({ name }) => name.startsWith(SMALLEST_SHAPE));
  return [demoPeers(context), ...shapes.map((shape) => shapePeers(context, shape))];
}
