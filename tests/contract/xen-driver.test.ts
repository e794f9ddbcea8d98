import { xenContract } from "./xen-guests.ts";

jest.setTimeout(300_000);

xenContract("over gRPC", (xen) => xen.host.agent.connect());
