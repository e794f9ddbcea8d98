import { X509Certificate } from "node:crypto";
import { startVcsim, type Vcsim } from "@virtmesh/lab/vcsim";
import { type Reference, reference } from "@virtmesh/esx-agent/vim/encode";
import { textAt } from "@virtmesh/esx-agent/vim/node";
import { propertiesOf, retrieve } from "@virtmesh/esx-agent/vim/retrieve";
import { VimSession } from "@virtmesh/esx-agent/vim/session";
import { runTask } from "@virtmesh/esx-agent/vim/tasks";
import { type ObjectUpdate, watchUpdates } from "@virtmesh/esx-agent/vim/updates";

jest.setTimeout(90_000);

const { signal } = new AbortController();

function connect(server: Vcsim, more: { password?: string; fingerprint?: string } = {}): Promise<VimSession> {
  const { host, port, user, password, ca } = server;
  const trust = more.fingerprint === undefined ? { ca } : { fingerprint: more.fingerprint };
  return VimSession.connect({ host, port, ...trust }, { user, password: more.password ?? password }, signal);
}

/** Every guest below the root of an inventory, by a view that the server keeps. */
async function guestsOf(session: VimSession): Promise<{ spec: object; view: Reference }> {
  const made = await session.call(
    "CreateContainerView",
    session.manager("viewManager"),
    { container: session.manager("rootFolder"), type: ["VirtualMachine"], recursive: true },
    { signal },
  );
  const view = reference("ContainerView", textAt(made, "returnval") ?? "");
  const traversal = { $type: "TraversalSpec", type: "ContainerView", path: "view", skip: false };
  return {
    view,
    spec: {
      propSet: { type: "VirtualMachine", pathSet: ["name", "runtime.powerState"] },
      objectSet: { obj: view, skip: true, selectSet: traversal },
    },
  };
}

describe("vSphere's web services, as vcsim speaks them", () => {
  describe("at a host", () => {
    let server: Vcsim;
    beforeAll(async () => {
      server = await startVcsim({ kind: "host", guests: 2 });
    }, 590_000);
    afterAll(() => server[Symbol.asyncDispose]());

    it("say what they are to those who have logged in", async () => {
      await using session = await connect(server);
      expect(session.content).toMatchObject({ apiType: "HostAgent", apiVersion: "6.5" });
    });

    it("refuse a wrong password", async () => {
      await expect(connect(server, { password: "wrong" })).rejects.toMatchObject({
        name: "VimFault",
        type: "InvalidLogin",
      });
    });

    it("are trusted by the fingerprint of their certificate, and by no other", async () => {
      const fingerprint = new X509Certificate(server.ca).fingerprint256.replaceAll(":", "").toLowerCase();
      await using session = await connect(server, { fingerprint });
      expect(session.content.apiType).toBe("HostAgent");
      await expect(connect(server, { fingerprint: "00".repeat(32) })).rejects.toThrow(fingerprint);
    });

    it("are not trusted when the system does not know their authority", async () => {
      const { host, port, user, password } = server;
      await expect(VimSession.connect({ host, port }, { user, password }, signal)).rejects.toMatchObject({
        name: "VimCertificateError",
      });
    });

    it("log in anew when a session was ended, and repeat the call", async () => {
      await using session = await connect(server);
      await session.call("Logout", session.manager("sessionManager"), {}, { signal });
      const { spec } = await guestsOf(session);
      expect(await retrieve(session, { ...spec }, { signal })).toHaveLength(2);
      expect(session.generation).toBe(2);
    });

    it("tell a task's end by their own stream, and its fault", async () => {
      await using session = await connect(server);
      const { spec } = await guestsOf(session);
      const [guest] = await retrieve(session, { ...spec }, { signal });
      const object = guest?.object ?? reference("", "");
      await runTask(session, "PowerOffVM_Task", object, {}, { signal });
      const now = await propertiesOf(session, object, ["runtime.powerState"], { signal });
      expect(now.get("runtime.powerState")?.text).toBe("poweredOff");
      await expect(runTask(session, "PowerOffVM_Task", object, {}, { signal })).rejects.toMatchObject({
        type: "InvalidPowerState",
      });
      await runTask(session, "PowerOnVM_Task", object, {}, { signal });
    });
  });

  describe("at a vCenter with many guests", () => {
    let server: Vcsim;
    beforeAll(async () => {
      server = await startVcsim({ kind: "vcenter", guests: 1_000 });
    }, 590_000);
    afterAll(() => server[Symbol.asyncDispose]());

    it("tell all of them at first, and then what changes", async () => {
      await using session = await connect(server);
      const { spec } = await guestsOf(session);
      const heard: ObjectUpdate[] = [];
      const synced = Promise.withResolvers<void>();
      const changed = Promise.withResolvers<ObjectUpdate>();
      const stop = new AbortController();
      let told = 0;
      const watching = watchUpdates(
        session,
        { ...spec },
        {
          restart: () => undefined,
          update: (update) => {
            heard.push(update);
            if (told > 0) changed.resolve(update);
          },
          synced: () => {
            told = heard.length;
            synced.resolve();
          },
          interrupted: (e) => synced.reject(e),
        },
        stop.signal,
      );
      await synced.promise;
      expect(new Set(heard.map(({ object }) => object.value)).size).toBe(1_000);
      const { object } = heard[0] as ObjectUpdate;
      await runTask(session, "PowerOffVM_Task", object, {}, { signal });
      const change = await changed.promise;
      expect(change.object).toEqual(object);
      expect(change.changes).toEqual([
        { path: "runtime.powerState", value: expect.objectContaining({ text: "poweredOff" }) },
      ]);
      stop.abort();
      await watching;
    });
  });
});
