/** Sizes of a chart in pixels; what is drawn lies within the margins. */
export const FRAME = { width: 720, height: 420, left: 76, right: 24, top: 62, bottom: 96 };

/** Told apart on white and on black, also by those who don't see red and green apart. */
export const COLOURS = ["#2f7fd6", "#d9730d", "#2a9d76", "#b0529d", "#8a8a00", "#c0392b"];

/** A value axis: where a value lies, from 0 (bottom) to 1, and where lines are drawn. */
export interface Scale {
  ticks: readonly number[];
  place(value: number): number;
}

/** From 0 to a round number above all values. */
export function linearScale(values: readonly number[]): Scale {
  const most = Math.max(...values, 0) || 1;
  const rough = most / 4;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * decade)
    .find((step) => step >= rough * 0.999)!;
  const count = Math.ceil(most / step - 1e-9);
  const ticks = Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(6)));
  return { ticks, place: (value) => value / (count * step) };
}

/** Powers of ten around all values, which must be above 0. */
export function logScale(values: readonly number[]): Scale {
  const first = Math.floor(Math.log10(Math.min(...values)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values)) - 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
  return { ticks, place: (value) => (Math.log10(value) - first) / (last - first) };
}

/** The pixel row of a place on the axis. */
export function yOf(place: number): number {
  const { height, top, bottom } = FRAME;
  return round(height - bottom - place * (height - top - bottom));
}

export function round(pixels: number): number {
  return Number(pixels.toFixed(1));
}

export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** Text at a place; `anchor` is start, middle or end. */
export function label(
  text: string,
  { x, y, anchor = "middle", strong = false }: {
    x: number;
    y: number;
    anchor?: "start" | "middle" | "end";
    strong?: boolean;
  },
): string {
  const kind = strong ? ' class="title"' : "";
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${kind}>` +
    `${escapeText(text)}</text>`;
}

/** A whole chart: title, unit, value axis, what is drawn, and the legend below. */
export function chart(
  { title, unit, scale, legend, body }: {
    title: string;
    unit: string;
    scale: Scale;
    legend: readonly { name: string; colour: string }[];
    body: readonly string[];
  },
): string {
  const { width, height, left, right, bottom } = FRAME;
  const grid = scale.ticks.flatMap((tick) => {
    const y = yOf(scale.place(tick));
    return [
      `<line class="grid" x1="${left}" x2="${width - right}" y1="${y}" y2="${y}"/>`,
      label(tick.toLocaleString("en"), { x: left - 8, y: y + 4, anchor: "end" }),
    ];
  });
  const each = (width - left - right) / Math.max(3, legend.length);
  const keys = legend.flatMap(({ name, colour }, i) => {
    const x = round(left + i * each);
    const y = height - bottom + 62;
    return [
      `<rect x="${x}" y="${y}" width="12" height="12" fill="${colour}"/>`,
      label(name, { x: x + 18, y: y + 11, anchor: "start" }),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" ` +
    `aria-label="${escapeText(title)}">`,
    // A page's theme needn't be the system's: a grey that can be read on white and on black.
    "<style>",
    "text { font: 12px system-ui, sans-serif; fill: #767676 }",
    ".title { font-weight: bold }",
    ".grid { stroke: #8884 }",
    "</style>",
    label(title, { x: left, y: 18, anchor: "start", strong: true }),
    label(unit, { x: left, y: 36, anchor: "start" }),
    ...grid,
    ...body,
    ...keys,
    "</svg>",
    "",
  ].join("\n");
}
