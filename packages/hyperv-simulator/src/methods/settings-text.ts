import { EmbeddedError, readEmbedded } from "../cim/embedded.ts";
import { isInstanceOf } from "../cim/repository.ts";
import type { Instance } from "../cim/value.ts";
import { RETURN, Refusal } from "../host/jobs.ts";

/** Reads an object that was given as text, which must be of that class. @throws Refusal */
export function readSettings(text: string, className: string): Instance {
  const instance = read(text);
  if (!isInstanceOf(instance, className))
    throw new Refusal(RETURN.invalidParameter, `${instance.className} is no ${className}`);
  return instance;
}

function read(text: string): Instance {
  try {
    return readEmbedded(text);
  } catch (e) {
    if (e instanceof EmbeddedError) throw new Refusal(RETURN.invalidParameter, e.message);
    throw e;
  }
}

/** The values that were written, without those that are null. */
export function written(instance: Instance): Instance["values"] {
  return Object.fromEntries(Object.entries(instance.values).filter(([, value]) => value !== null));
}
