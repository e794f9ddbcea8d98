import { faultOf, message, textAt, uri, type Wire } from "./testing/client.ts";
import { type Started, started } from "./testing/started.ts";
import { EVENTING } from "./wsman/namespaces.ts";
import { child } from "./xml/node.ts";

const WEB = "A1B2C3D4-0001-4000-8000-000000000001";
const SEED = { guests: [{ name: "web-1", id: WEB, state: "running" as const }] };
const OF_WEB = { CreationClassName: "Msvm_ComputerSystem", Name: WEB };
const STATES =
  "SELECT * FROM __InstanceModificationEvent WITHIN 1 WHERE TargetInstance ISA 'Msvm_ComputerSystem' " +
  "AND TargetInstance.EnabledState <> PreviousInstance.EnabledState";

async function subscribed(
  simulator: Started,
  wql = STATES,
  more = "",
): Promise<{ id: string; context: string }> {
  const answer = await simulator.client.subscribe(wql, more);
  const manager = child(child(answer.body, "SubscriptionManager"), "ReferenceParameters");
  return {
    id: textAt(manager, "Identifier") ?? "",
    context: textAt(answer.body, "EnumerationContext") ?? "",
  };
}

function turnOff({ client }: Started): Promise<Wire> {
  return client.invoke(
    ...(["Msvm_ComputerSystem", "RequestStateChange", OF_WEB] as const),
    "<p:RequestedState>3</p:RequestedState>",
  );
}

function told(answer: Wire): readonly (string | undefined)[] {
  return (child(answer.body, "Items")?.children ?? []).map((event) =>
    textAt(event, "TargetInstance", "EnabledState"),
  );
}

const ALL = "<n:MaxElements>100</n:MaxElements>";

function aboutSubscription(verb: string, id: string): string {
  const header = `<e:Identifier>${id}</e:Identifier>`;
  return message(`${EVENTING}/${verb}`, uri("*"), `<e:${verb}/>`, {}, header);
}

describe("Events of a Hyper-V host", () => {
  it("come to whoever waits for them, with what was before", async () => {
    await using simulator = await started({ jobs: { durationMs: 0 } }, SEED);
    const { context } = await subscribed(simulator);
    const waiting = simulator.client.pull("*", context, ALL);
    const over = simulator.jobEnds();
    await turnOff(simulator);
    const first = await waiting;
    await over;
    const [event] = child(first.body, "Items")?.children ?? [];
    expect(event?.name).toBe("__InstanceModificationEvent");
    expect(textAt(event, "PreviousInstance", "EnabledState")).toBe("2");
    const rest = await simulator.client.pull("*", textAt(first.body, "EnumerationContext") ?? "", ALL);
    expect([...told(first), ...told(rest)]).toEqual(["4", "3"]);
  });

  it("are one an answer where no more are asked for", async () => {
    await using simulator = await started({ jobs: { durationMs: 0 } }, SEED);
    const { context } = await subscribed(simulator);
    const over = simulator.jobEnds();
    await turnOff(simulator);
    await over;
    const first = await simulator.client.pull("*", context);
    const second = await simulator.client.pull("*", textAt(first.body, "EnumerationContext") ?? "");
    expect([told(first), told(second)]).toEqual([["4"], ["3"]]);
  });

  it.each([
    ["__InstanceCreationEvent", "created"],
    ["__InstanceDeletionEvent", "deleted"],
  ] as const)("tell of guests by %s", async (eventClass, kind) => {
    await using simulator = await started({}, SEED);
    const query = `SELECT * FROM ${eventClass} WITHIN 1 WHERE TargetInstance ISA 'Msvm_ComputerSystem'`;
    const { context } = await subscribed(simulator, query);
    const path = simulator.host.repository.add("Msvm_ComputerSystem", {
      ...OF_WEB,
      Name: "new",
      ElementName: "new",
    });
    if (kind === "deleted") simulator.host.repository.remove(path);
    const answer = await simulator.client.pull("*", context, ALL);
    expect(textAt(answer.body, "Items", eventClass, "TargetInstance", "Name")).toBe("new");
  });

  it("that do not come in time are a time-out, after which the same context is pulled again", async () => {
    await using simulator = await started({ quotas: { operationTimeoutMs: 1 } }, SEED);
    const { context } = await subscribed(simulator);
    const late = await simulator.client.pull("*", context);
    expect(faultOf(late)).toMatchObject({ subcode: "w:TimedOut", code: "2150858793" });
    simulator.host.control("web-1", "off");
    expect(told(await simulator.client.pull("*", context))).toEqual(["3"]);
  });

  it("end with their subscription, for whoever waits too", async () => {
    await using simulator = await started({}, SEED);
    const { id, context } = await subscribed(simulator);
    const begun = simulator.host.begins("Pull");
    const waiting = simulator.client.pull("*", context);
    await begun;
    expect((await simulator.client.post(aboutSubscription("Unsubscribe", id))).status).toBe(200);
    expect(child((await waiting).body, "EndOfSequence")).toBeDefined();
    expect(faultOf(await simulator.client.pull("*", context)).subcode).toBe("n:InvalidEnumerationContext");
    expect(faultOf(await simulator.client.post(aboutSubscription("Unsubscribe", id))).subcode).toBe(
      "e:InvalidMessage",
    );
  });

  it("end when their time is over", async () => {
    await using simulator = await started({}, SEED);
    const { context } = await subscribed(simulator, STATES, "<e:Expires>PT0.010S</e:Expires>");
    const answer = await simulator.client.pull("*", context);
    // The end comes to whoever waits; whoever comes after it finds nothing to wait for.
    const end = child(answer.body, "EndOfSequence")?.name ?? faultOf(answer).subcode;
    expect(["EndOfSequence", "n:InvalidEnumerationContext"]).toContain(end);
    expect(faultOf(await simulator.client.pull("*", context)).subcode).toBe("n:InvalidEnumerationContext");
  });

  it("are renewed only where the host is told to, since Windows does not", async () => {
    await using simulator = await started({}, SEED);
    const { id } = await subscribed(simulator);
    const renew = aboutSubscription("Renew", id);
    expect(faultOf(await simulator.client.post(renew)).subcode).toBe("e:UnableToRenew");
    simulator.host.change({ renewals: "granted" });
    expect(textAt((await simulator.client.post(renew)).body, "Expires")).toBe("PT600.000S");
  });

  it("are lost without a word where the host is told to lose them", async () => {
    await using simulator = await started({ events: "lost", quotas: { operationTimeoutMs: 1 } }, SEED);
    const { context } = await subscribed(simulator);
    simulator.host.control("web-1", "off");
    expect(faultOf(await simulator.client.pull("*", context)).subcode).toBe("w:TimedOut");
  });

  it.each([
    [
      "no subscriptions at all",
      STATES,
      { subscriptions: "refused" as const },
      "e:FilteringRequestedUnavailable",
    ],
    [
      "no query without a target",
      "SELECT * FROM __InstanceCreationEvent WITHIN 1",
      {},
      "e:EventSourceUnableToProcess",
    ],
    [
      "no query about a property that there is not",
      "SELECT * FROM __InstanceModificationEvent WITHIN 1 WHERE TargetInstance ISA 'Msvm_ComputerSystem' AND TargetInstance.Colour = 1",
      {},
      "e:EventSourceUnableToProcess",
    ],
    [
      "no query without WITHIN about what tells nothing by itself",
      "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA 'Msvm_ConcreteJob'",
      {},
      "e:EventSourceUnableToProcess",
    ],
  ])("takes %s", async (_, wql, settings, subcode) => {
    await using simulator = await started(settings, SEED);
    expect(faultOf(await simulator.client.subscribe(wql)).subcode).toBe(subcode);
  });

  it("are not brought: only fetched", async () => {
    await using simulator = await started({}, SEED);
    const push =
      '<e:Subscribe><e:Delivery Mode="http://schemas.xmlsoap.org/ws/2004/08/eventing/DeliveryModes/Push"/></e:Subscribe>';
    const answer = await simulator.client.post(message(`${EVENTING}/Subscribe`, uri("*"), push));
    expect(faultOf(answer).subcode).toBe("e:DeliveryModeRequestedUnavailable");
  });
});
