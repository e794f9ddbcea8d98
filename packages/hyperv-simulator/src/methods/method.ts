import type { Instance, Reference, Value } from "../cim/value.ts";
import type { Host } from "../host/host.ts";
import { RETURN, Refusal, type Work } from "../host/jobs.ts";

export interface MethodCall {
  readonly host: Host;
  /** What it is called on. */
  readonly target: Instance;
  readonly input: Readonly<Record<string, Value>>;
}

/** What a method answers at once. */
export interface Answer {
  readonly returnValue: number;
  readonly output?: Readonly<Record<string, Value>>;
}

/** @throws Refusal, whose code becomes the ReturnValue */
export type Method = (call: MethodCall) => Answer | Work;

export function isWork(outcome: Answer | Work): outcome is Work {
  return "finish" in outcome;
}

export const DONE: Answer = { returnValue: RETURN.done };

/** A parameter that may not be left out. @throws Refusal */
export function needText({ input }: MethodCall, name: string): string {
  const value = input[name];
  if (typeof value !== "string") throw new Refusal(RETURN.invalidParameter, `${name} is missing`);
  return value;
}

export function texts({ input }: MethodCall, name: string): readonly string[] {
  const value = input[name] ?? [];
  return (Array.isArray(value) ? value : [value]).map(String);
}

export function references({ input }: MethodCall, name: string): readonly Reference[] {
  const value = input[name] ?? [];
  const items = Array.isArray(value) ? value : [value];
  return items.flatMap((item) =>
    typeof item === "object" && item !== null && "kind" in item && item.kind === "reference" ? [item] : [],
  );
}

/** The instance that a parameter points to. @throws Refusal */
export function needInstance(call: MethodCall, name: string): Instance {
  const [path] = references(call, name);
  const instance = path === undefined ? undefined : call.host.repository.get(path);
  if (instance === undefined) throw new Refusal(RETURN.invalidParameter, `${name} points to nothing`);
  return instance;
}
