import { WeftError } from "../core/errors.ts";

export type JsonObject = Record<string, unknown>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A range of numbers, in the words of the error message. */
interface Range {
  min: number;
  max?: number;
}

/** Sizes beyond this could not be addressed anyway; products of two stay exact. */
const MAX_SIZE = 2 ** 26;

/** Checked reads of a JSON object's fields. An absent field and null mean the fallback, if there is one. */
export class JsonFields {
  readonly #object: JsonObject;
  readonly #file: string;
  readonly #prefix: string;

  /** `prefix` names the object inside the file, such as `rope_scaling.`. */
  constructor(object: JsonObject, { file, prefix = "" }: { file: string; prefix?: string }) {
    this.#object = object;
    this.#file = file;
    this.#prefix = prefix;
  }

  get(name: string): unknown {
    return Object.hasOwn(this.#object, name) ? this.#object[name] ?? undefined : undefined;
  }

  /** Present at all, even as null. */
  has(name: string): boolean {
    return Object.hasOwn(this.#object, name) && this.#object[name] !== undefined;
  }

  /** @throws {WeftError} `bad_model` unless the value is an integer from 1 to 2²⁶. */
  size(name: string, fallback?: number): number {
    const value = this.get(name) ?? fallback;
    if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_SIZE) {
      return value as number;
    }
    throw this.error(name, `an integer from 1 to ${MAX_SIZE} is needed`);
  }

  /** @throws {WeftError} `bad_model` unless the value is a finite number in the range. */
  number(name: string, { min, max = Infinity, fallback }: Range & { fallback?: number }): number {
    const value = this.get(name) ?? fallback;
    if (typeof value === "number" && Number.isFinite(value) && value >= min && value <= max) {
      return value;
    }
    throw this.error(
      name,
      `a number from ${min} ${max < Infinity ? `to ${max} ` : "up "}is needed`,
    );
  }

  /** @throws {WeftError} `bad_model` unless the value is true or false. */
  flag(name: string, fallback: boolean): boolean {
    const value = this.get(name) ?? fallback;
    if (typeof value === "boolean") return value;
    throw this.error(name, "true or false is needed");
  }

  /** The object in a field, or undefined. @throws {WeftError} `bad_model` for anything else. */
  object(name: string): JsonFields | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (!isJsonObject(value)) throw this.error(name, "an object is needed");
    return new JsonFields(value, { file: this.#file, prefix: `${this.#prefix}${name}.` });
  }

  /** The error for a value that is wrong in itself. */
  error(name: string, needed: string): WeftError {
    return new WeftError("bad_model", `${this.#describe(name)}; ${needed}`);
  }

  /** The error for a valid value that Weft does not run. */
  unsupported(name: string, supported: string): WeftError {
    return new WeftError("unsupported", `${this.#describe(name)}; ${supported}`);
  }

  #describe(name: string): string {
    const text = this.has(name) ? JSON.stringify(this.#object[name]) : undefined;
    const value = text === undefined
      ? "no value"
      : text.length > 120
      ? `${text.slice(0, 119)}…`
      : text;
    return `Cannot use this model: ${this.#file} gives ${this.#prefix}${name} ${value}`;
  }
}
