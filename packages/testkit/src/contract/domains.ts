import { DomainServiceService, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { freshName, Guests } from "./guests.ts";
import { needing, sharedSubject, type SubjectKind, without } from "./subject.ts";

const D = DomainServiceService;

/** Definitions and lives of guests: what every driver must do alike. */
export function domainContract(kind: SubjectKind): void {
  describe(`guests (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const needs = needing(subject);
    const guests = new Guests(subject);
    const made: string[] = [];
    const fresh = (what?: string): string => {
      const name = freshName(what);
      made.push(name);
      return name;
    };
    afterEach(async () => {
      for (const name of made.splice(0)) await guests.remove(name);
    });

    describe("when they are defined", () => {
      it("are found by name and by UUID, off and persistent", async () => {
        const { uri, host, disks } = subject();
        const name = fresh();
        const defined = await guests.define(name);
        expect(defined).toMatchObject({
          uri,
          host,
          name,
          state: DomainState.DOMAIN_STATE_SHUTOFF,
          persistent: true,
          id: 0,
        });
        expect(defined.etag).not.toBe("");
        expect(defined.disks).toEqual([expect.objectContaining({ target: disks.first, bus: disks.bus })]);
        expect(await guests.get(name)).toEqual(defined);
        expect(await guests.get(defined.uuid)).toEqual(defined);
        expect(await guests.get(defined.uuid.replaceAll("-", "").toUpperCase())).toEqual(defined);
      });

      it("keep the definition that was given, so that defining it again changes nothing", async () => {
        const name = fresh();
        const defined = await guests.define(name);
        const xml = await guests.xml(name, { inactive: true, secure: true });
        expect(xml).toContain(`<name>${name}</name>`);
        expect(xml).toContain(defined.uuid);
        expect((await guests.defineXml(xml)).etag).toBe(defined.etag);
      });

      it("keep what their hypervisor has no use for", async () => {
        const name = fresh();
        const xml = (await subject().guestXml(name)).replace(
          "<memory",
          "<title>My guest</title><description>a &lt;note&gt;</description><metadata><x:y xmlns:x='urn:x' z='1'>kept</x:y></metadata><memory",
        );
        expect(await guests.defineXml(xml)).toMatchObject({ title: "My guest", description: "a <note>" });
        expect(await guests.xml(name)).toMatch(/<x:y [^>]*z=['"]1['"][^>]*>kept<\/x:y>/);
      });

      it("are replaced only from the version that the caller knows", async () => {
        const name = fresh();
        const { uuid, etag } = await guests.define(name);
        const changed = (await subject().guestXml(name, uuid)).replace(
          "<memory",
          "<title>changed</title><memory",
        );
        const stale = { reason: "ETAG_MISMATCH", code: "ABORTED" };
        await expect(guests.defineXml(changed, { etag: "0000" })).rejects.toMatchObject(stale);
        const later = await guests.defineXml(changed, { etag });
        expect(later.etag).not.toBe(etag);
        await expect(guests.undefine(name, etag)).rejects.toMatchObject(stale);
      });

      it("do not take another guest's name or UUID", async () => {
        const [one, two] = [fresh(), fresh()];
        const { uuid } = await guests.define(one);
        const taken = { reason: "DOMAIN_EXISTS", code: "ALREADY_EXISTS" };
        await expect(guests.define(two, { uuid })).rejects.toMatchObject(taken);
        await expect(guests.define(one, { uuid: crypto.randomUUID() })).rejects.toMatchObject(taken);
      });

      it("can be checked without being made", async () => {
        const name = fresh();
        await guests.define(name, { validateOnly: true });
        await expect(guests.get(name)).rejects.toMatchObject({ reason: "DOMAIN_NOT_FOUND" });
      });

      it("are refused with the place of what is wrong", async () => {
        await expect(guests.defineXml("<domain")).rejects.toMatchObject({
          reason: "XML_SYNTAX",
          code: "INVALID_ARGUMENT",
        });
        const bad = (await subject().guestXml(fresh())).replace("<memory", "<vcpu>many</vcpu><memory");
        const error = await guests.defineXml(bad).catch((e: unknown) => e);
        expect(error).toMatchObject({
          code: "INVALID_ARGUMENT",
          message: expect.stringMatching(/vcpu.*line \d+/),
        });
        expect(error).toHaveProperty("context.violations");
      });
    });

    describe("when they live", () => {
      it("start, and stop at once when they are destroyed", async () => {
        const name = fresh();
        await guests.define(name);
        const started = await guests.start(name);
        expect(started).toMatchObject({ state: guests.stateStarted, persistent: true });
        expect(started.id).toBeGreaterThan(0);
        expect(started.startTime).toBeInstanceOf(Date);
        expect(await guests.xml(name)).toMatch(new RegExp(`<domain[^>]* id=['"]${started.id}['"]`));
        const stopped = await guests.destroy(name);
        expect(stopped).toMatchObject({
          state: DomainState.DOMAIN_STATE_SHUTOFF,
          stateReason: "destroyed",
          id: 0,
        });
      });

      it("cannot be started twice, nor stopped when they do not run", async () => {
        const name = fresh();
        await guests.define(name);
        await expect(guests.destroy(name)).rejects.toMatchObject({
          reason: "DOMAIN_NOT_RUNNING",
          code: "FAILED_PRECONDITION",
        });
        await guests.start(name);
        await expect(guests.start(name)).rejects.toMatchObject({ reason: "DOMAIN_RUNNING" });
      });

      needs(without("domains.pausedStart"))("are not started paused", async () => {
        const name = fresh();
        await guests.define(name);
        await expect(guests.start(name, true)).rejects.toMatchObject({
          reason: "UNSUPPORTED",
          code: "UNIMPLEMENTED",
        });
        expect(await guests.get(name)).toMatchObject({ state: DomainState.DOMAIN_STATE_SHUTOFF });
      });

      needs("domains.create")(
        "run on as transient when their definition is taken away, and are gone when they stop",
        async () => {
          const name = fresh();
          await guests.define(name);
          await guests.start(name);
          await guests.undefine(name);
          expect(await guests.get(name)).toMatchObject({ persistent: false, state: guests.stateStarted });
          await expect(guests.undefine(name)).rejects.toMatchObject({ reason: "DOMAIN_TRANSIENT" });
          await guests.destroy(name);
          await expect(guests.get(name)).rejects.toMatchObject({ reason: "DOMAIN_NOT_FOUND" });
        },
      );

      needs(without("domains.create"))("keep their definition while they run", async () => {
        const name = fresh();
        await guests.define(name);
        const { state } = await guests.start(name);
        await expect(guests.undefine(name)).rejects.toMatchObject({
          reason: "DOMAIN_RUNNING",
          code: "FAILED_PRECONDITION",
        });
        expect(await guests.get(name)).toMatchObject({ state, persistent: true });
      });

      needs("domains.create")("can be transient from the beginning", async () => {
        const name = fresh();
        expect(await guests.create(name)).toMatchObject({ persistent: false, state: guests.stateStarted });
        await guests.destroy(name);
        await expect(guests.get(name)).rejects.toMatchObject({
          reason: "DOMAIN_NOT_FOUND",
          code: "NOT_FOUND",
        });
      });

      needs(without("domains.nextDefinition"))("take no new definition while they run", async () => {
        const name = fresh();
        const { uuid, etag } = await guests.define(name);
        await guests.start(name);
        const changed = (await subject().guestXml(name, uuid)).replace(
          "<memory",
          "<title>later</title><memory",
        );
        await expect(guests.defineXml(changed)).rejects.toMatchObject({
          reason: "DOMAIN_RUNNING",
          code: "FAILED_PRECONDITION",
        });
        expect(await guests.get(name)).toMatchObject({ etag, title: "", updated: false });
      });

      needs("domains.nextDefinition")(
        "take a new definition while they run, for the next start",
        async () => {
          const name = fresh();
          const { uuid } = await guests.define(name);
          await guests.start(name);
          const changed = (await subject().guestXml(name, uuid)).replace(
            "<memory",
            "<title>later</title><memory",
          );
          expect(await guests.defineXml(changed)).toMatchObject({ updated: true });
          expect(await guests.xml(name)).not.toContain("<title>later");
          expect(await guests.xml(name, { inactive: true })).toContain("<title>later");
          await guests.destroy(name);
          expect(await guests.get(name)).toMatchObject({ updated: false, title: "later" });
        },
      );
    });

    describe("when calls are repeated", () => {
      it("give the same answer for the same request id, and do nothing twice", async () => {
        const name = fresh();
        await guests.define(name);
        const requestId = crypto.randomUUID();
        const paused = guests.startsPaused;
        const first = await guests.start(name, paused, requestId);
        expect(await guests.start(name, paused, requestId)).toEqual(first);
        await expect(guests.start(name, !paused, requestId)).rejects.toMatchObject({
          reason: "REQUEST_ID_REUSED",
        });
      });
    });

    describe("when they are listed", () => {
      it("come in pages, each once, in the order asked for", async () => {
        const prefix = freshName("list");
        const names = ["c", "a", "b"].map((letter) => `${prefix}-${letter}`);
        made.push(...names);
        for (const name of names) await guests.define(name);
        const filter = `name : "${prefix}-*"`;
        const seen: string[] = [];
        let pageToken = "";
        do {
          const page = await guests.list({ filter, pageSize: 2, pageToken, orderBy: "name desc" });
          seen.push(...page.names);
          pageToken = page.next;
        } while (pageToken !== "");
        expect(seen).toEqual([...names].sort().reverse());
      });

      it("can be chosen by state", async () => {
        const [off, on] = [fresh("off"), fresh("on")];
        await guests.define(off);
        await guests.define(on);
        await guests.start(on);
        const state = guests.startsPaused ? "paused" : "running";
        const { names } = await guests.list({ filter: `state = "${state}"` });
        expect(names).toContain(on);
        expect(names).not.toContain(off);
      });

      it("refuse a filter that cannot be understood", async () => {
        await expect(guests.list({ filter: "colour = red" })).rejects.toMatchObject({
          reason: "INVALID_FILTER",
        });
      });
    });

    it("have statistics, whether they run or not", async () => {
      const { client, uri, disks } = subject();
      const name = fresh();
      const { uuid } = await guests.define(name);
      const read = async () => {
        const request = { uri, domains: [name], pageSize: 0, pageToken: "" };
        return (await client.unary(D.listDomainStats, request)).stats;
      };
      expect(await read()).toEqual([expect.objectContaining({ uri, uuid, name, sampleTime: undefined })]);
      await guests.start(name);
      const [running] = await read();
      expect(running?.state).toBe(guests.stateStarted);
      expect(running?.blocks.map((block) => block.target)).toEqual([disks.first]);
      expect(running?.maxMemoryBytes).toBeGreaterThan(0n);
    });

    it("that are not there are named", async () => {
      await expect(guests.get("nobody")).rejects.toMatchObject({
        reason: "DOMAIN_NOT_FOUND",
        code: "NOT_FOUND",
        message: expect.stringContaining("nobody"),
      });
    });
  });
}
