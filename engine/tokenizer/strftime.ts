const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** Python's `strftime` in the C locale for the directives chat templates use; others stay as they are. */
export function strftime(date: Date, format: string): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const day = DAYS[date.getDay()];
  const month = MONTHS[date.getMonth()];
  const hour12 = date.getHours() % 12 || 12;
  const directives: Record<string, string> = {
    "%Y": String(date.getFullYear()),
    "%y": two(date.getFullYear() % 100),
    "%m": two(date.getMonth() + 1),
    "%-m": String(date.getMonth() + 1),
    "%B": month,
    "%b": month.slice(0, 3),
    "%d": two(date.getDate()),
    "%-d": String(date.getDate()),
    "%e": String(date.getDate()).padStart(2, " "),
    "%A": day,
    "%a": day.slice(0, 3),
    "%H": two(date.getHours()),
    "%I": two(hour12),
    "%M": two(date.getMinutes()),
    "%S": two(date.getSeconds()),
    "%p": date.getHours() < 12 ? "AM" : "PM",
    "%%": "%",
  };
  return format.replace(/%(?:-[md]|[A-Za-z%])/g, (directive) => directives[directive] ?? directive);
}
