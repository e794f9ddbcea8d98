import {
  type Domain,
  DomainServiceService,
  DomainState,
  type GetDomainXmlRequest,
  type ListDomainsRequest,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import { VirtError } from "@virtmesh/core/errors";
import { type Subject, supports } from "./subject.ts";

const D = DomainServiceService;

/** A name that nobody else has. */
export function freshName(what = "guest"): string {
  return `${what}-${crypto.randomUUID().slice(0, 8)}`;
}

/** Guests as a suite handles them: short words for requests that are long to write. */
export class Guests {
  readonly #subject: () => Subject;

  constructor(subject: () => Subject) {
    this.#subject = subject;
  }

  get subject(): Subject {
    return this.#subject();
  }

  /** Paused where that can be: a guest without a kernel has nothing to run. */
  get startsPaused(): boolean {
    return supports(this.subject, "domains.pausedStart");
  }

  /** What a guest is after a start of which nothing was said. */
  get stateStarted(): DomainState {
    return this.startsPaused ? DomainState.DOMAIN_STATE_PAUSED : DomainState.DOMAIN_STATE_RUNNING;
  }

  async define(
    name: string,
    more: { uuid?: string; requestId?: string; etag?: string; validateOnly?: boolean } = {},
  ): Promise<Domain> {
    const xml = await this.subject.guestXml(name, more.uuid);
    return this.defineXml(xml, more);
  }

  defineXml(
    xml: string,
    more: { requestId?: string; etag?: string; validateOnly?: boolean } = {},
  ): Promise<Domain> {
    const { client, uri } = this.subject;
    const { requestId = "", etag = "", validateOnly = false } = more;
    return client.unary(D.defineDomain, { uri, requestId, xml, validateOnly, etag });
  }

  async create(name: string, paused = this.startsPaused): Promise<Domain> {
    const { client, uri } = this.subject;
    const xml = await this.subject.guestXml(name);
    return client.unary(D.createDomain, { uri, requestId: "", xml, paused, validateOnly: false });
  }

  start(domain: string, paused = this.startsPaused, requestId = ""): Promise<Domain> {
    const { client, uri } = this.subject;
    return client.unary(D.startDomain, { uri, requestId, domain, paused, forceBoot: false });
  }

  destroy(domain: string): Promise<Domain> {
    const { client, uri } = this.subject;
    return client.unary(D.destroyDomain, { uri, requestId: "", domain });
  }

  async undefine(domain: string, etag = "", managedSave = false): Promise<void> {
    const { client, uri } = this.subject;
    await client.unary(D.undefineDomain, { uri, requestId: "", domain, etag, managedSave });
  }

  get(domain: string): Promise<Domain> {
    const { client, uri } = this.subject;
    return client.unary(D.getDomain, { uri, domain });
  }

  async xml(domain: string, form: Partial<GetDomainXmlRequest> = {}): Promise<string> {
    const { client, uri } = this.subject;
    const request = { uri, domain, inactive: false, secure: false, migratable: false, ...form };
    return (await client.unary(D.getDomainXml, request)).xml;
  }

  async list(more: Partial<ListDomainsRequest> = {}): Promise<{ names: string[]; next: string }> {
    const { client, uri } = this.subject;
    const request = { uri, pageSize: 0, pageToken: "", filter: "", orderBy: "", ...more };
    const answer = await client.unary(D.listDomains, request);
    return { names: answer.domains.map((domain) => domain.name), next: answer.nextPageToken };
  }

  /** Leaves nothing of it, whatever state a test left it in. */
  async remove(domain: string): Promise<void> {
    for (const step of [() => this.destroy(domain), () => this.undefine(domain, "", true)]) {
      try {
        await step();
      } catch (e) {
        if (!VirtError.is(e) || !["DOMAIN_NOT_FOUND", "DOMAIN_NOT_RUNNING"].includes(e.reason)) throw e;
      }
    }
  }
}
