import { chart, COLOURS, FRAME, label, linearScale, round, yOf } from "./frame.ts";

export interface BarSeries {
  name: string;
  /** By label; null where nothing was measured. */
  values: readonly (number | null)[];
}

/** Bars side by side over labels. @throws {RangeError} without a value. */
export function barChart(
  { title, unit, digits = 2, labels, series }: {
    title: string;
    unit: string;
    /** Behind the point. */
    digits?: number;
    labels: readonly string[];
    series: readonly BarSeries[];
  },
): string {
  const values = series.flatMap(({ values }) => values.filter((value) => value !== null));
  if (values.length === 0) throw new RangeError(`Cannot draw "${title}": there are no values`);
  const scale = linearScale(values);
  const { width, height, left, right, bottom } = FRAME;
  const slot = (width - left - right) / labels.length;
  const bar = Math.min(48, 0.8 * slot / series.length);
  const drawn = labels.flatMap((text, at) => {
    const middle = left + (at + 0.5) * slot;
    const first = middle - bar * series.length / 2;
    return [
      label(text, { x: middle, y: height - bottom + 20 }),
      ...series.flatMap(({ values }, i) => {
        const value = values[at];
        if (value === null) return [];
        const x = first + i * bar;
        const y = yOf(scale.place(value));
        return [
          `<rect x="${round(x + 1)}" y="${y}" width="${round(bar - 2)}" ` +
          `height="${round(yOf(0) - y)}" fill="${COLOURS[i % COLOURS.length]}"/>`,
          label(value.toFixed(digits), { x: x + bar / 2, y: y - 4 }),
        ];
      }),
    ];
  });
  return chart({
    title,
    unit,
    scale,
    legend: series.map(({ name }, i) => ({ name, colour: COLOURS[i % COLOURS.length] })),
    body: drawn,
  });
}
