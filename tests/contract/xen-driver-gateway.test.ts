import { xenContract } from "./xen-guests.ts";

jest.setTimeout(180_000);

xenContract("through the gateway", (xen) => xen.mesh.gateway.connect());
