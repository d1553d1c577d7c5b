/** What the life cycle tells its owner, for logs. Nothing in it is secret. */
export type AdapterEvent =
  | { kind: "fetch_started"; name: string; url: string }
  | {
    kind: "fetched";
    name: string;
    url: string;
    generation: string;
    /** Of both files. */
    bytes: number;
    ms: number;
  }
  | { kind: "swapped"; name: string; from: string; to: string }
  | {
    kind: "failed";
    name: string;
    url: string;
    code: string;
    message: string;
    /** Milliseconds since 1970; null where a request must ask. */
    retryAt: number | null;
  }
  | { kind: "removed"; name: string; generation: string | null }
  | {
    kind: "listed";
    place: string;
    adapters: number;
    added: number;
    changed: number;
    removed: number;
    ms: number;
  }
  /** A catalogue or the manifest cannot be read: what was known goes on. */
  | { kind: "listing_failed"; place: string; code: string; message: string; retryAt: number | null }
  /** Something in a catalogue or the manifest can't be served; the rest is. */
  | { kind: "listing_problem"; place: string; message: string }
  | { kind: "disk_failed"; generation: string; message: string };

export type OnAdapterEvent = (event: AdapterEvent) => void;

/** A listener by which nothing fails: what it is told of has happened, and a log that is broken can't undo it. */
export function guarded(onEvent: OnAdapterEvent): OnAdapterEvent {
  return (event) => {
    try {
      onEvent(event);
    } catch {
      // There is nobody left to tell.
    }
  };
}
