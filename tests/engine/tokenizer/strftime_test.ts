import assert from "node:assert/strict";
import { strftime } from "../../../engine/tokenizer/strftime.ts";

Deno.test("strftime writes dates as Python does in the C locale", () => {
  const date = new Date(2024, 6, 4, 15, 7, 9); // Thursday, 4 July 2024
  const cases = {
    "%d %b %Y": "04 Jul 2024",
    "%A, %B %-d, %Y": "Thursday, July 4, 2024",
    "%Y-%m-%d %H:%M:%S": "2024-07-04 15:07:09",
    "%a %e %I %p %y %-m": "Thu  4 03 PM 24 7",
    "100%% %Q": "100% %Q",
  };
  for (const [format, expected] of Object.entries(cases)) {
    assert.equal(strftime(date, format), expected);
  }
});
