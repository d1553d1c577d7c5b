import { chart, COLOURS, FRAME, label, linearScale, logScale, round, yOf } from "./frame.ts";

export interface Line {
  name: string;
  /** By the index of its label on the x axis; null where nothing was measured. */
  values: readonly (number | null)[];
}

/** Lines over labels that stand at equal distances. @throws {RangeError} without a value. */
export function lineChart(
  { title, unit, xLabel, labels, lines, scale: kind = "linear" }: {
    title: string;
    unit: string;
    xLabel: string;
    labels: readonly string[];
    lines: readonly Line[];
    /** `log` takes values above 0. */
    scale?: "linear" | "log";
  },
): string {
  const values = lines.flatMap(({ values }) => values.filter((value) => value !== null));
  if (values.length === 0) throw new RangeError(`Cannot draw "${title}": there are no values`);
  const scale = kind === "log" ? logScale(values) : linearScale(values);
  const { width, height, left, right, bottom } = FRAME;
  const step = (width - left - right - 40) / Math.max(1, labels.length - 1);
  const xOf = (i: number) => round(left + 20 + i * step);
  const drawn = lines.flatMap(({ values }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const points = values.flatMap((value, at) =>
      value === null ? [] : [{ x: xOf(at), y: yOf(scale.place(value)) }]
    );
    return [
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${
        points.map(({ x, y }) => `${x},${y}`).join(" ")
      }"/>`,
      ...points.map(({ x, y }) => `<circle cx="${x}" cy="${y}" r="3.5" fill="${colour}"/>`),
    ];
  });
  return chart({
    title,
    unit,
    scale,
    legend: lines.map(({ name }, i) => ({ name, colour: COLOURS[i % COLOURS.length] })),
    body: [
      ...labels.map((text, i) => label(text, { x: xOf(i), y: height - bottom + 20 })),
      label(xLabel, { x: (left + width - right) / 2, y: height - bottom + 42 }),
      ...drawn,
    ],
  });
}
