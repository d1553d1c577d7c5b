import { systemClock } from "../clock.ts";
import { AdapterMemory } from "../memory.ts";
import type { AdapterStoreOptions } from "../store_options.ts";
import { Background } from "./background.ts";
import { CatalogueSync } from "./catalogue_sync.ts";
import { ContentCheck } from "./content_check.ts";
import { ContentLoader } from "./content_loader.ts";
import { Counters } from "./counters.ts";
import type { AdapterEntry } from "./entry.ts";
import { guarded } from "./events.ts";
import { ManifestSync } from "./manifest_sync.ts";
import { Names } from "./names.ts";
import { Pins } from "./pins.ts";
import { Puts } from "./puts.ts";
import { Resolver } from "./resolver.ts";
import { Schedule } from "./schedule.ts";
import { Tiers } from "./tiers.ts";
import { UnnamedAdapters } from "./unnamed.ts";
import { Updater } from "./updater.ts";

/** The life cycle's parts, each made from those above it. */
export type Parts = ReturnType<typeof assemble>;

/** @param closing Aborts when the store closes. */
export function assemble(options: AdapterStoreOptions, closing: AbortSignal) {
  const { model, maxRank, dtype = "f32", origins, registry, disk, gpu } = options;
  const { maxConcurrentFetches = 4, maxConcurrentLoads = 2, firstListingMs = 10_000 } = options;
  const { catalogues = [], manifest, refreshMs, clock = systemClock } = options;
  const onEvent = guarded(options.onEvent ?? (() => {}));
  const reservedNames = new Set(options.reservedNames);
  const memory = new AdapterMemory(options.maxBytes);
  const counters = new Counters();
  const tiers = new Tiers({ memory, disk, gpu, onEvent });
  const names = new Names(tiers, registry);
  const unnamed = new UnnamedAdapters(origins, tiers);
  const refuseBeyond = (bytes: number) => memory.refuseBeyond(bytes);
  const check = new ContentCheck({ model, maxRank, dtype, refuseBeyond });
  const limits = { maxConcurrentFetches, maxConcurrentLoads };
  const loader = new ContentLoader({ tiers, check, counters, clock, onEvent, ...limits });
  const updater = new Updater({ loader, names, tiers, counters, clock, onEvent });
  const resolver = new Resolver({ loader, updater, tiers, clock, closing });
  const pins = new Pins({ names, tiers, resolver });
  const puts = new Puts({ names, tiers, loader, updater, origins, reservedNames, closing });
  const background = new Background({ tiers, updater, pins, clock, onEvent, closing });
  const syncing = { names, background, clock, reservedNames, onEvent };
  const schedule = new Schedule({
    catalogues,
    sync: new CatalogueSync(syncing),
    manifest: manifest && {
      object: manifest,
      sync: new ManifestSync({ ...syncing, origins, location: manifest.location }),
    },
    background,
    registry,
    clock,
    refreshMs,
    firstListingMs,
    used: () => [...names.all(), ...unnamed.all()].filter(isDue),
    onEvent,
  });
  return {
    counters,
    tiers,
    names,
    unnamed,
    loader,
    updater,
    resolver,
    pins,
    puts,
    background,
    schedule,
    onEvent,
  };
}

/** Used since its origin was asked last, and nothing else asks it. */
function isDue({ isUsed, isCommitted, target, owner, isListedWithVersion }: AdapterEntry): boolean {
  const isListed = owner === "catalogue" && isListedWithVersion;
  return isUsed && isCommitted && !target.source.isLocal && !isListed;
}
