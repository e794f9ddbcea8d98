import type { ServiceDefinition, UntypedHandleCall, UntypedServiceImplementation } from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer, loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { DESCRIPTOR_SET_BASE64 } from "@virtmesh/api/gen/descriptor";
import { protoPath } from "grpc-health-check";
import type { ServiceEntry } from "./grpc-server.ts";

type StreamHandler = (call: unknown) => void;

/**
 * gRPC server reflection (v1 and v1alpha) over the contract, listing only the services that are served. Indexing
 * the contract takes a fifth of a second, so it is done when somebody asks, not at every start of an agent.
 */
export function reflectionOf(served: readonly string[]): readonly ServiceEntry[] {
  let indexed: ReadonlyMap<string, StreamHandler> | undefined;
  const handlers = (): ReadonlyMap<string, StreamHandler> => {
    indexed ??= new Map(
      entriesOf(new ReflectionService(contract(), { services: [...served] })).flatMap(handlersByPath),
    );
    return indexed;
  };
  // Built over nothing, the library gives the definitions alone.
  return entriesOf(new ReflectionService({}, { services: [] })).map(({ definition }) => {
    const lazy = Object.entries(definition).map(([name, { path }]): [string, UntypedHandleCall] => [
      name,
      (call: unknown) => handlers().get(path)?.(call),
    ]);
    return { definition, implementation: Object.fromEntries(lazy) };
  });
}

function entriesOf(reflection: ReflectionService): ServiceEntry[] {
  const entries: ServiceEntry[] = [];
  reflection.addToServer({
    addService: (definition: ServiceDefinition, implementation: UntypedServiceImplementation) =>
      void entries.push({ definition, implementation }),
  });
  return entries;
}

function handlersByPath({ definition, implementation }: ServiceEntry): [string, StreamHandler][] {
  return Object.entries(definition).flatMap(([name, { path, originalName = name }]) => {
    const handler = implementation[name] ?? implementation[originalName];
    return handler === undefined ? [] : [[path, handler as StreamHandler]];
  });
}

let loaded: PackageDefinition | undefined;

function contract(): PackageDefinition {
  loaded ??= {
    ...loadFileDescriptorSetFromBuffer(Buffer.from(DESCRIPTOR_SET_BASE64, "base64")),
    ...loadSync(protoPath),
  };
  return loaded;
}
