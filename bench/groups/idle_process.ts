/** A process that opens a device and waits until its stdin ends: what WebGPU itself takes. */
const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
const device = await adapter!.requestDevice();
device.createBuffer({ size: 4096, usage: GPUBufferUsage.STORAGE });
console.log("ready");
await new Response(Deno.stdin.readable).text();
device.destroy();
