import { summaryOf } from "../run/ratios.ts";
import { LEVELS } from "./adapters_section.ts";
import type { Device } from "./devices.ts";
import { Figures } from "./figures.ts";
import { barChart } from "./svg/bar_chart.ts";
import { lineChart } from "./svg/line_chart.ts";

/** A plot, by its file's name. */
export interface Plot {
  file: string;
  /** For those who don't see it. */
  text: string;
  svg: string;
}

/** What can be drawn of one device's figures. */
export function plotsOf({ slug, lines }: Device): Plot[] {
  const figures = new Figures(lines);
  return [decode, context, lora, firstTokens].map((plot) => plot(slug, figures))
    .filter((plot) => plot !== null);
}

function decode(slug: string, figures: Figures): Plot | null {
  const models = [
    ...(figures.between("demo/decode/batch=", "").length > 0 ? ["demo"] : []),
    ...figures.between("shapes/", "/decode/batch=1/rate").map((name) => `shapes/${name}`),
  ];
  const nameOf = (model: string, batch: string) =>
    `${model}/decode/batch=${batch}${model === "demo" ? "" : "/rate"}`;
  const batches = numbers(models.flatMap((model) => {
    const end = model === "demo" ? "" : "/rate";
    return figures.between(`${model}/decode/batch=`, end);
  }));
  if (batches.length === 0) return null;
  const title = `Decode by batch, ${slug}`;
  return {
    file: `decode-${slug}.svg`,
    text: title,
    svg: lineChart({
      title,
      unit: "tokens per second, all rows",
      xLabel: "rows at once",
      labels: batches,
      scale: "log",
      lines: models.map((model) => ({
        name: model.replace("shapes/", ""),
        values: batches.map((batch) => middle(figures.values(nameOf(model, batch)))),
      })),
    }),
  };
}

function context(slug: string, figures: Figures): Plot | null {
  const models = figures.between("context/", "/decode/context=1024");
  const start = (model: string) => `context/${model}/decode/context=`;
  const lengths = numbers(models.flatMap((model) => figures.between(start(model), "")));
  if (lengths.length === 0) return null;
  const title = `Step time by context, ${slug}`;
  return {
    file: `context-${slug}.svg`,
    text: title,
    svg: lineChart({
      title,
      unit: "milliseconds a token, one row",
      xLabel: "tokens of context",
      labels: lengths,
      lines: models.map((name) => ({
        name,
        values: lengths.map((length) => {
          const rate = middle(figures.values(`${start(name)}${length}`));
          return rate === null ? null : 1000 / rate;
        }),
      })),
    }),
  };
}

const LORA = ["none", "one", "eight", "mixtures", "ranks"];

function lora(slug: string, figures: Figures): Plot | null {
  const models = figures.between("lora/", "/decode/base");
  if (models.length === 0) return null;
  const title = `Throughput with adapters over that without, 8 rows, ${slug}`;
  return {
    file: `lora-${slug}.svg`,
    text: title,
    svg: barChart({
      title,
      unit: "of the base's tokens per second",
      labels: LORA,
      series: models.map((model) => ({
        name: model,
        values: LORA.map((what) =>
          middle(figures.ratios(`lora/${model}/decode/${what}`, `lora/${model}/decode/base`))
        ),
      })),
    }),
  };
}

function firstTokens(slug: string, figures: Figures): Plot | null {
  const sizes = figures.between("adapters/first_token/", "/base");
  if (sizes.length === 0) return null;
  const title = `First token by where the adapter is, ${slug}`;
  return {
    file: `adapters-${slug}.svg`,
    text: title,
    svg: barChart({
      title,
      unit: "milliseconds from the request",
      digits: 0,
      labels: LEVELS.map(([level]) => level.replaceAll("_", " ")),
      series: sizes.map((size) => ({
        name: `${size} adapter`,
        values: LEVELS.map(([level]) =>
          middle(figures.values(`adapters/first_token/${size}/${level}`))
        ),
      })),
    }),
  };
}

function middle(values: readonly number[]): number | null {
  return summaryOf(values)?.middle ?? null;
}

/** Each once, ascending. */
function numbers(texts: readonly string[]): string[] {
  return [...new Set(texts)].filter((text) => /^\d+$/.test(text))
    .sort((a, b) => Number(a) - Number(b));
}
