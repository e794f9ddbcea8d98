import { readSettings } from "../../services/xen-agent/src/xl-cfg/read.ts";
import { fail, type Outcome, PASS } from "./suite.ts";

/** Passes when two files of Xen's toolstack set the same to the same; in which order they do it means nothing. */
export function sameSettings(expected: string, written: string): Outcome {
  const [wanted, found] = [expected, written].map(valuesIn);
  for (const key of new Set([...(wanted?.keys() ?? []), ...(found?.keys() ?? [])])) {
    const [left = "nothing", right = "nothing"] = [wanted?.get(key), found?.get(key)];
    if (left !== right) return fail(`${key}: ${left} was expected, ${right} was written`);
  }
  return PASS;
}

function valuesIn(text: string): ReadonlyMap<string, string> {
  return new Map(readSettings(text).map(({ key, value }) => [key, JSON.stringify(value)]));
}
