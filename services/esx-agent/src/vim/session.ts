import { encodeCall, type Reference, reference, type VimObject } from "./encode.ts";
import { isVimFault, VimFault, VimProtocolError } from "./errors.ts";
import { at, childOf, childrenOf, readNode, textAt, type VimNode } from "./node.ts";
import { type Endpoint, Transport } from "./transport.ts";

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

export interface ServiceContent {
  readonly apiType: "HostAgent" | "VirtualCenter";
  readonly fullName: string;
  readonly apiVersion: string;
  /** Of a vCenter; empty for a host. */
  readonly instanceUuid: string;
  /** The managers by the field they stand in: `propertyCollector`, `rootFolder`, `searchIndex`, ... */
  readonly managers: ReadonlyMap<string, Reference>;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  /** How long the server may say nothing; 60 seconds unless given. */
  readonly silenceMs?: number;
}

const SERVICE_INSTANCE = reference("ServiceInstance", "ServiceInstance");
const SILENCE_MS = 60_000;
/** The oldest version that has all we call; newer servers answer in it (vSphere SDK, "Versioning"). */
const ACTION = "urn:vim25/6.5";

/**
 * A session at a host or a vCenter. When the server has forgotten it (restart, time-out), the next call logs in
 * anew and is repeated: the server refused it before it did anything.
 */
export class VimSession implements AsyncDisposable {
  readonly content: ServiceContent;
  readonly #transport: Transport;
  readonly #credentials: Credentials;
  #logins = 0;
  #loggingIn: Promise<void> | undefined;

  private constructor(transport: Transport, credentials: Credentials, content: ServiceContent) {
    this.#transport = transport;
    this.#credentials = credentials;
    this.content = content;
  }

  /** @throws VimFault InvalidLogin, VimConnectionError, VimCertificateError */
  static async connect(
    endpoint: Endpoint,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<VimSession> {
    const transport = new Transport(endpoint);
    try {
      const answer = await exchange(transport, "RetrieveServiceContent", SERVICE_INSTANCE, {}, { signal });
      const session = new VimSession(transport, credentials, readContent(childOf(answer, "returnval")));
      await session.renew(signal);
      return session;
    } catch (e) {
      transport[Symbol.dispose]();
      throw e;
    }
  }

  get address(): string {
    return this.#transport.address;
  }

  /** Counts the logins: what was made in an earlier one (filters, views) is gone. */
  get generation(): number {
    return this.#logins;
  }

  get transport(): Transport {
    return this.#transport;
  }

  manager(name: string): Reference {
    const found = this.content.managers.get(name);
    if (found === undefined) throw new VimProtocolError(`${this.address} has no ${name}`);
    return found;
  }

  /** The answer's element, whose children are the `returnval`s. @throws VimFault and those of the transport */
  async call(method: string, self: Reference, args: VimObject, options: CallOptions): Promise<VimNode> {
    const before = this.#logins;
    try {
      return await this.callOnce(method, self, args, options);
    } catch (e) {
      if (!isVimFault(e, "NotAuthenticated")) throw e;
    }
    // Somebody else may have logged in meanwhile.
    if (this.#logins === before) await this.renew(options.signal);
    return this.callOnce(method, self, args, options);
  }

  /** The same without a new login: for calls that mean something in this session only. */
  callOnce(method: string, self: Reference, args: VimObject, options: CallOptions): Promise<VimNode> {
    return exchange(this.#transport, method, self, args, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await exchange(
        this.#transport,
        "Logout",
        this.manager("sessionManager"),
        {},
        {
          signal: AbortSignal.timeout(2_000),
        },
      );
    } catch {
      // A server that is gone has no session to end, and one that hangs ends it by itself after half an hour.
    }
    this.#transport[Symbol.dispose]();
  }

  /** Logs in; those who ask at the same time share one login. */
  async renew(signal: AbortSignal): Promise<void> {
    this.#loggingIn ??= (async () => {
      try {
        this.#transport.forgetCookie();
        const { user, password } = this.#credentials;
        await exchange(
          this.#transport,
          "Login",
          this.manager("sessionManager"),
          { userName: user, password },
          { signal },
        );
        this.#logins += 1;
      } finally {
        this.#loggingIn = undefined;
      }
    })();
    await this.#loggingIn;
  }
}

async function exchange(
  transport: Transport,
  method: string,
  self: Reference,
  args: VimObject,
  options: CallOptions,
): Promise<VimNode> {
  const { status, body } = await transport.post("/sdk", encodeCall(method, self, args), ACTION, {
    signal: options.signal,
    silenceMs: options.silenceMs ?? SILENCE_MS,
  });
  if (!body.startsWith("<"))
    throw new VimProtocolError(`${transport.address} answered ${method} with HTTP ${status}`);
  const content = at(readNode(body), "Body")?.children[0];
  if (content?.name === "Fault") throw faultOf(content, method);
  if (content?.name !== `${method}Response`)
    throw new VimProtocolError(
      `${transport.address} answered ${method} with <${content?.name ?? "nothing"}>`,
    );
  return content;
}

function faultOf(fault: VimNode, method: string): VimFault {
  const detail = childOf(fault, "detail")?.children[0];
  const type = detail === undefined ? "" : detail.type || detail.name.replace(/Fault$/, "");
  return new VimFault(type, textAt(fault, "faultstring") ?? "", method);
}

/** A fault inside an answer, as in TaskInfo.error (LocalizedMethodFault). */
export function localizedFault(node: VimNode): VimFault {
  return new VimFault(at(node, "fault")?.type ?? "", textAt(node, "localizedMessage") ?? "");
}

function readContent(node: VimNode | undefined): ServiceContent {
  const about = childOf(node, "about");
  const apiType = textAt(about, "apiType");
  if (node === undefined || (apiType !== "HostAgent" && apiType !== "VirtualCenter"))
    throw new VimProtocolError(`this is no ESX host and no vCenter, but ${apiType ?? "something else"}`);
  const managers = node.children.filter((c) => c.refType !== "");
  return {
    apiType,
    fullName: textAt(about, "fullName") ?? "",
    apiVersion: textAt(about, "apiVersion") ?? "",
    instanceUuid: textAt(about, "instanceUuid") ?? "",
    managers: new Map(managers.map((c) => [c.name, referenceOf(c)])),
  };
}

/** The reference that an element is. */
export function referenceOf(node: VimNode): Reference {
  return reference(node.refType, node.text);
}

export function referencesAt(node: VimNode | undefined, name: string): readonly Reference[] {
  return childrenOf(node, name).map(referenceOf);
}
