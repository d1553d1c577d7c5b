import { type Figure, format, percentiles, timeEach } from "../measure.ts";

const NOTHING = `
@group(0) @binding(0) var<storage, read_write> sink: array<u32>;

@compute @workgroup_size(1)
fn nothing() {
  sink[0] = 0u;
}`;

const DISPATCHES = 1000;
const ROUNDS = 15;

/** Host-side cost of recording and submitting dispatches and writes, and the driver's own floor. */
export async function measureDispatch(device: GPUDevice): Promise<Figure[]> {
  const buffer = device.createBuffer({
    size: 4096,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
  });
  // Two of each, taken in turns as in a real step: a state that is set already costs nothing.
  const module = device.createShaderModule({ code: NOTHING });
  const bindings = device.createBindGroupLayout({
    entries: [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "storage" } }],
  });
  const layout = device.createPipelineLayout({ bindGroupLayouts: [bindings] });
  const pipelines = [0, 1].map(() => device.createComputePipeline({ layout, compute: { module } }));
  const bind = () =>
    device.createBindGroup({ layout: bindings, entries: [{ binding: 0, resource: { buffer } }] });
  const cached = [bind(), bind()];

  /** Submits dispatches in one pass or in one each, with the bind groups that `group` returns. */
  const submit = (options: { passEach?: boolean; group?: () => GPUBindGroup; count?: number }) => {
    const encoder = device.createCommandEncoder();
    let pass = encoder.beginComputePass();
    for (let i = 0; i < (options.count ?? DISPATCHES); i++) {
      if (options.passEach && i > 0) {
        pass.end();
        pass = encoder.beginComputePass();
      }
      pass.setPipeline(pipelines[i % 2]);
      pass.setBindGroup(0, options.group?.() ?? cached[i % 2]);
      pass.dispatchWorkgroups(1);
    }
    pass.end();
    device.queue.submit([encoder.finish()]);
  };

  /** Microseconds of this thread per call, with the queue drained between rounds, unmeasured. */
  const perCall = async (call: () => void) => {
    const durations: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now();
      call();
      durations.push(performance.now() - start);
      await device.queue.onSubmittedWorkDone();
    }
    return format(percentiles(durations).p50 * 1000 / DISPATCHES, "µs");
  };
  const write = (bytes: number) => {
    const data = new Uint8Array(bytes);
    return () => {
      for (let i = 0; i < DISPATCHES; i++) device.queue.writeBuffer(buffer, 0, data);
      device.queue.submit([]);
    };
  };

  /** Milliseconds until so many dispatches are done. */
  const untilDone = async (count: number) => {
    const durations = await timeEach(5, async () => {
      submit({ count });
      await device.queue.onSubmittedWorkDone();
    });
    return percentiles(durations).p50;
  };
  // The difference leaves out what a wait costs by itself.
  const floor = (await untilDone(3 * DISPATCHES) - await untilDone(DISPATCHES)) / (2 * DISPATCHES);

  const figures = [
    {
      what: "dispatch: one pass, cached bind group",
      value: await perCall(() => submit({})),
    },
    {
      what: "dispatch: a pass for each",
      value: await perCall(() => submit({ passEach: true })),
    },
    {
      what: "dispatch: one pass, a new bind group for each",
      value: await perCall(() => submit({ group: bind })),
    },
    { what: "`writeBuffer` of 64 bytes", value: await perCall(write(64)) },
    { what: "`writeBuffer` of 4 KiB", value: await perCall(write(4096)) },
    {
      what: "dispatch until done, driver included",
      value: format(floor * 1000, "µs"),
    },
  ];
  buffer.destroy();
  return figures;
}
