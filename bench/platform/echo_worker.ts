/// <reference lib="deno.worker" />

self.onmessage = (event: MessageEvent) => self.postMessage(event.data);
