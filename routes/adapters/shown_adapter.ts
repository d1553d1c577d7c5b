import type {
  AdapterInfo,
  AdapterLevel,
  AdapterOwner,
  AdapterRouting,
  AdapterState,
} from "../../adapters/mod.ts";

/** An adapter as `/v1/adapters` shows it. Nothing in it is secret. */
export interface ShownAdapter {
  name: string;
  /** Without user and query. */
  url: string;
  generation: string | null;
  sha256: string | null;
  rank: number | null;
  bytes: number | null;
  state: AdapterState;
  level: AdapterLevel;
  pinned: boolean;
  owner: AdapterOwner;
  target_modules: string[] | null;
  /** How the router in place can choose it; `problem` is why its examples make no class. */
  routing: {
    kind: AdapterRouting["kind"];
    won: number | null;
    taken: number | null;
    problem?: string;
  };
  progress: { done_bytes: number; total_bytes: number | null } | null;
  /** `at` and `retry_at` are seconds since 1970, as all times of this API. */
  error: { code: string; message: string; at: number; retry_at: number | null } | null;
}

export function showAdapter(info: AdapterInfo, routing: AdapterRouting): ShownAdapter {
  const { name, url, generation, sha256, rank, bytes, state, level, pinned, owner } = info;
  const { progress, error } = info;
  return {
    name,
    url,
    generation,
    sha256,
    rank,
    bytes,
    state,
    level,
    pinned,
    owner,
    target_modules: info.targetModules,
    routing: { won: null, taken: null, ...routing },
    progress: progress && { done_bytes: progress.doneBytes, total_bytes: progress.totalBytes },
    error: error && {
      code: error.code,
      message: error.message,
      at: Math.floor(error.at / 1000),
      retry_at: error.retryAt === null ? null : Math.ceil(error.retryAt / 1000),
    },
  };
}
