import { encodeValue, resourceUriOf } from "../cim/encode.ts";
import type { Instance, Value } from "../cim/value.ts";
import type { Host } from "../host/host.ts";
import { isRefusal, RETURN } from "../host/jobs.ts";
import { type Answer, isWork } from "../methods/method.ts";
import { findMethod } from "../methods/methods.ts";
import { type CimClass, type ElementType, needClass, type Parameter } from "../schema/classes.ts";
import type { XmlNode } from "../xml/node.ts";
import { element } from "../xml/write.ts";
import { CODES, Fault, invalidParameter } from "./faults.ts";
import { CIM, XSI } from "./namespaces.ts";
import { readValues } from "./read-values.ts";

/** Calls a method of an instance and answers the body. @throws Fault for what the class does not have */
export function invoke(host: Host, target: Instance, name: string, body: XmlNode | undefined): string {
  const cimClass = needClass(target.className);
  const parameters = cimClass.methods.get(name);
  if (parameters === undefined)
    throw new Fault("a:ActionNotSupported", `${cimClass.name} has no method ${name}.`, {
      code: CODES.invalidMethod,
    });
  const input = readInput(cimClass, name, parameters, body);
  return writeOutput(cimClass, name, parameters, run(host, target, cimClass, name, input));
}

function run(
  host: Host,
  target: Instance,
  cimClass: CimClass,
  name: string,
  input: Readonly<Record<string, Value>>,
): Answer {
  const entry = findMethod(cimClass, name);
  if (entry === undefined) {
    host.refused.push(`${cimClass.name}.${name}: the simulator does not do it`);
    return { returnValue: RETURN.notSupported };
  }
  try {
    const outcome = entry.method({ host, target, input });
    if (!isWork(outcome)) return outcome;
    if (entry.isJob === true || host.settings().jobs.when === "always")
      return { returnValue: RETURN.jobStarted, output: { Job: host.jobs.start(name, outcome) } };
    outcome.begin?.();
    return { returnValue: RETURN.done, output: outcome.finish().output ?? {} };
  } catch (e) {
    if (!isRefusal(e)) throw e;
    host.refused.push(`${cimClass.name}.${name}: ${e.message}`);
    return { returnValue: e.code };
  }
}

function readInput(
  cimClass: CimClass,
  name: string,
  parameters: readonly Parameter[],
  body: XmlNode | undefined,
): Readonly<Record<string, Value>> {
  if (body !== undefined && (body.name !== `${name}_INPUT` || body.uri !== resourceUriOf(cimClass.name)))
    throw new Fault("w:SchemaValidationError", `The body of ${name} is a ${name}_INPUT of its class.`);
  return readValues(body?.children ?? [], {
    ...{ owner: `${cimClass.name}.${name}`, kind: "input parameter", refuse: invalidParameter },
    typeOf: (given) => parameters.find((parameter) => parameter.name === given && parameter.in)?.type,
  });
}

const RETURN_VALUE: ElementType = { name: "uint32", isArray: false, isReference: false };

function writeOutput(
  cimClass: CimClass,
  name: string,
  parameters: readonly Parameter[],
  { returnValue, output = {} }: Answer,
): string {
  const out = parameters
    .filter((parameter) => parameter.out)
    .map((parameter) => encodeValue(`p:${parameter.name}`, parameter.type, output[parameter.name] ?? null));
  return element(`p:${name}_OUTPUT`, out.join("") + encodeValue("p:ReturnValue", RETURN_VALUE, returnValue), {
    "xmlns:xsi": XSI,
    "xmlns:p": resourceUriOf(cimClass.name),
    "xmlns:cim": CIM,
  });
}
