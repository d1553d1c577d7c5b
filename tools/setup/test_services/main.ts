/**
 * Installs the object storage servers that tests run against: OpenStack Swift for S3, Azurite for Azure Blob
 * Storage. Both go below the checkout (.weft/test-services) and nothing else changes: no root, no service that
 * starts. Quick when they are there; where they can't be installed it ends with exit code 1 and what to type.
 */
import { messageOf } from "../../../engine/core/errors.ts";
import { installAzurite } from "./azurite.ts";
import { installSwift } from "./swift.ts";

async function main(): Promise<number> {
  const start = performance.now();
  const results = await Promise.allSettled([installSwift(), installAzurite()]);
  const failed = results.filter((result) => result.status === "rejected");
  for (const { reason } of failed) say(messageOf(reason));
  if (failed.length > 0) return 1;
  const installed = results.some((result) => result.status === "fulfilled" && result.value);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  if (installed) say(`The test services are installed (${seconds} s).`);
  return 0;
}

function say(message: string): void {
  console.error(`setup: ${message}`);
}

Deno.exit(await main());
