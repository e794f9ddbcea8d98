import { xenContract } from "./xen-guests.ts";

jest.setTimeout(300_000);

xenContract("through the gateway", (xen) => xen.mesh.gateway.connect());
