import { antonyms } from "./antonyms.ts";
import { booleanExpressions } from "./boolean_expressions.ts";
import { calendarMonths } from "./calendar_months.ts";
import { colouredObjects } from "./coloured_objects.ts";
import { copyText } from "./copy_text.ts";
import { countingObjects } from "./counting_objects.ts";
import { dictionaryOrder } from "./dictionary_order.ts";
import { kindsOfThings } from "./kinds_of_things.ts";
import { listExtraction } from "./list_extraction.ts";
import { navigation } from "./navigation.ts";
import { numberComparison } from "./number_comparison.ts";
import { numberWords } from "./number_words.ts";
import { oddOneOut } from "./odd_one_out.ts";
import { passageQa } from "./passage_qa.ts";
import { pastTense } from "./past_tense.ts";
import { plurals } from "./plurals.ts";
import { reverseWords } from "./reverse_words.ts";
import { rhymes } from "./rhymes.ts";
import { romanNumerals } from "./roman_numerals.ts";
import { sequenceCompletion } from "./sequence_completion.ts";
import { synonyms } from "./synonyms.ts";
import { templateSummary } from "./template_summary.ts";
import { toyTranslation } from "./toy_translation.ts";
import { unitConversion } from "./unit_conversion.ts";
import { weekdayArithmetic } from "./weekday_arithmetic.ts";
import { wordSorting } from "./word_sorting.ts";
import type { Task } from "./task.ts";

export type { Example, Task } from "./task.ts";
export { createRng } from "./rng.ts";
export type { Rng } from "./rng.ts";

/** All 26 tasks: 17 multiple choice, then 9 question answering. The order is the class order of a router. */
export const TASKS: readonly Task[] = [
  antonyms,
  synonyms,
  plurals,
  rhymes,
  oddOneOut,
  romanNumerals,
  numberComparison,
  weekdayArithmetic,
  calendarMonths,
  sequenceCompletion,
  unitConversion,
  colouredObjects,
  dictionaryOrder,
  kindsOfThings,
  booleanExpressions,
  navigation,
  countingObjects,
  toyTranslation,
  reverseWords,
  copyText,
  listExtraction,
  passageQa,
  templateSummary,
  pastTense,
  wordSorting,
  numberWords,
];
