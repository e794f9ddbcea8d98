import type { CallOptions, WsmanClient } from "../wsman/client.ts";
import { WsmanProtocolError } from "../wsman/errors.ts";
import { wmiUri } from "../wsman/namespaces.ts";
import type { Instance, Reference } from "../wsman/values.ts";
import { returnError } from "./errors.ts";
import { readMsvm, readOutput } from "./read.ts";
import type {
  Changes,
  ClassName,
  Input,
  MethodClass,
  MethodName,
  Msvm,
  Output,
  WritableClass,
} from "./types.ts";
import { inputOf, representationOf } from "./write.ts";

const VIRTUALIZATION = "root/virtualization/v2";
/** Everything of the virtualization namespace: what queries and subscriptions are addressed to. */
export const EVERYTHING = wmiUri(VIRTUALIZATION, "*");

const JOB_STARTED = 4096;

/** What a method answered; with a job its other out parameters are not there yet. */
export interface Called<O> {
  readonly output: O;
  readonly job: Reference | undefined;
}

/** Typed queries and calls to the classes of one host. */
export class MsvmSession {
  readonly client: WsmanClient;

  constructor(client: WsmanClient) {
    this.client = client;
  }

  /** `SELECT * FROM C` and what follows. */
  async query<C extends ClassName>(
    className: C,
    options: CallOptions,
    where = "",
  ): Promise<readonly Msvm<C>[]> {
    const wql = `SELECT * FROM ${className}${where === "" ? "" : ` WHERE ${where}`}`;
    return await this.#all(className, wql, options);
  }

  /** Settings of a class that make up a system's, or a snapshot's, settings. */
  async componentsOf<C extends ClassName>(
    settingsId: string,
    className: C,
    options: CallOptions,
  ): Promise<readonly Msvm<C>[]> {
    const wql =
      `ASSOCIATORS OF {Msvm_VirtualSystemSettingData.InstanceID=${quoted(settingsId)}}` +
      ` WHERE AssocClass = Msvm_VirtualSystemSettingDataComponent ResultClass = ${className}`;
    return await this.#all(className, wql, options);
  }

  async get<C extends ClassName>(className: C, reference: Reference, options: CallOptions): Promise<Msvm<C>> {
    return readMsvm(className, await this.client.get(reference, options));
  }

  /** Writes what is given of an instance; answers it as it is then, where the host says so. */
  async put<C extends WritableClass>(
    className: C,
    reference: Reference,
    changes: Changes<C>,
    options: CallOptions,
  ): Promise<Msvm<C> | undefined> {
    const representation = representationOf(className, reference, changes);
    const answer = await this.client.put(reference, className, representation, options);
    return answer && readMsvm(className, answer);
  }

  /** @throws HypervError when it answers neither "done" nor with a job */
  async call<C extends MethodClass, M extends MethodName<C>>(
    className: C,
    reference: Reference,
    method: M,
    input: Input<C, M>,
    options: CallOptions,
  ): Promise<Called<Output<C, M>>> {
    const parameters = inputOf(className, method, input);
    const answer = await this.client.invoke(reference, method, parameters, options);
    const output = readOutput(className, method, answer);
    const code = returnValue(answer);
    if (code === 0) return { output, job: undefined };
    if (code !== JOB_STARTED) throw returnError(method, code);
    const job = (output as { readonly Job?: Reference }).Job;
    if (job === undefined) throw new WsmanProtocolError(`${method} started a job and did not say which`);
    return { output, job };
  }

  async #all<C extends ClassName>(
    className: C,
    wql: string,
    options: CallOptions,
  ): Promise<readonly Msvm<C>[]> {
    const namespace = namespaceOf(className);
    const found: Msvm<C>[] = [];
    for await (const each of this.client.query(wmiUri(namespace, "*"), wql, options))
      found.push(readMsvm(className, each));
    return found;
  }
}

/** Classes about Windows itself are in one namespace, all others in that of Hyper-V. */
function namespaceOf(className: ClassName): string {
  return /^(Win32_|CIM_DataFile$)/.test(className) ? "root/cimv2" : VIRTUALIZATION;
}

function returnValue(answer: Instance): number {
  const [value] = answer.properties.get("ReturnValue") ?? [];
  if (typeof value !== "string" || !/^\d+$/.test(value.trim()))
    throw new WsmanProtocolError("the answer to a call has no ReturnValue");
  return Number(value);
}

/** A text in a query. */
export function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}

export function systemReference(name: string): Reference {
  return {
    resourceUri: wmiUri(VIRTUALIZATION, "Msvm_ComputerSystem"),
    // Without the class name hosts find nothing.
    selectors: { CreationClassName: "Msvm_ComputerSystem", Name: name },
  };
}

export function plannedReference(name: string): Reference {
  return {
    resourceUri: wmiUri(VIRTUALIZATION, "Msvm_PlannedComputerSystem"),
    selectors: { CreationClassName: "Msvm_PlannedComputerSystem", Name: name },
  };
}

/** A file by its path, which Windows writes in lower case. */
export function fileReference(path: string): Reference {
  return { resourceUri: wmiUri(namespaceOf("CIM_DataFile"), "CIM_DataFile"), selectors: { Name: path } };
}

export function settingReference(className: ClassName, instanceId: string): Reference {
  return { resourceUri: wmiUri(VIRTUALIZATION, className), selectors: { InstanceID: instanceId } };
}

/** There is one of each on a host, which its class tells. */
export function serviceReference(className: MethodClass): Reference {
  return { resourceUri: wmiUri(VIRTUALIZATION, className), selectors: { CreationClassName: className } };
}
