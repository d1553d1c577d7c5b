export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

export const LOG_FORMATS = ["json", "text"] as const;
export type LogFormat = typeof LOG_FORMATS[number];

export type LogFields = Record<string, string | number | boolean | null | undefined>;

/** Structured log lines; one event, one line. */
export interface Logger {
  log(level: LogLevel, event: string, fields?: LogFields): void;
}

export interface LoggerOptions {
  level: LogLevel;
  format: LogFormat;
  /** Receives each finished line, without its newline. */
  write: (line: string) => void;
  date?: () => Date;
}

/** A logger that writes lines of JSON, or `key=value` text for people. */
export function createLogger(options: LoggerOptions): Logger {
  const { level: least, format, write, date = () => new Date() } = options;
  const threshold = LOG_LEVELS.indexOf(least);
  return {
    log(level, event, fields = {}) {
      if (LOG_LEVELS.indexOf(level) < threshold) return;
      const time = date().toISOString();
      if (format === "json") {
        write(JSON.stringify({ time, level, event, ...fields }));
        return;
      }
      const pairs = Object.entries(fields).filter(([, value]) => value !== undefined)
        .map(([key, value]) => ` ${key}=${textValue(value)}`);
      write(`${time} ${level.padEnd(5)} ${event}${pairs.join("")}`);
    },
  };
}

/** Quotes whatever could break a line or be mistaken for another field. */
function textValue(value: LogFields[string]): string {
  return typeof value === "string" && !/^[\w./:@+-]+$/.test(value)
    ? JSON.stringify(value)
    : String(value);
}
