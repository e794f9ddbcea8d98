import { identity, parseObjectPath, referenceTo } from "../cim/path.ts";
import { endsOf, isInstanceOf, type Repository } from "../cim/repository.ts";
import type { Instance, Reference } from "../cim/value.ts";
import { findClass, propertyName } from "../schema/classes.ts";
import { matches, propertiesIn } from "./evaluate.ts";
import { WqlError } from "./parse.ts";
import type { AssociationQuery, Query, SelectQuery } from "./query.ts";

/** The instances that a query asks for. @throws WqlError */
export function runQuery(query: Query, repository: Repository, server: string): readonly Instance[] {
  return query.kind === "select" ? select(query, repository, server) : related(query, repository);
}

function select(query: SelectQuery, repository: Repository, server: string): readonly Instance[] {
  const cimClass = findClass(query.className);
  if (cimClass === undefined) throw new WqlError(`there is no class ${query.className}`);
  const { where } = query;
  // What the class does not have is refused even where there is no instance.
  const named = [
    ...(query.properties ?? []),
    ...(where === undefined ? [] : propertiesIn(where).map(([p = ""]) => p)),
  ];
  const unknown = named.find((name) => !name.startsWith("__") && propertyName(cimClass, name) === undefined);
  if (unknown !== undefined) throw new WqlError(`${cimClass.name} has no property ${unknown}`);
  return repository
    .all(cimClass.name)
    .filter((instance) => where === undefined || matches(where, { instance, server }));
}

function related(query: AssociationQuery, repository: Repository): readonly Instance[] {
  const path = parseObjectPath(query.objectPath);
  if (path === undefined) throw new WqlError(`"${query.objectPath}" is no path of an object`);
  for (const name of [query.assocClass, query.resultClass]) {
    if (name !== undefined && findClass(name) === undefined) throw new WqlError(`there is no class ${name}`);
  }
  const associations = repository
    .associationsOf(path)
    .filter((a) => query.assocClass === undefined || isInstanceOf(a, query.assocClass))
    .filter((a) => query.role === undefined || endIs(a, query.role, path));
  if (query.kind === "references")
    return associations.filter((a) => query.resultClass === undefined || isInstanceOf(a, query.resultClass));
  const found = new Map<string, Instance>();
  for (const association of associations) {
    for (const [name, end] of endsOf(association)) {
      if (identity(end) === identity(path)) continue;
      if (query.resultRole !== undefined && name.toLowerCase() !== query.resultRole.toLowerCase()) continue;
      const instance = repository.get(end);
      if (instance === undefined) continue;
      if (query.resultClass === undefined || isInstanceOf(instance, query.resultClass))
        found.set(identity(referenceTo(instance)), instance);
    }
  }
  return [...found.values()];
}

function endIs(association: Instance, role: string, path: Reference): boolean {
  return endsOf(association).some(
    ([name, end]) => name.toLowerCase() === role.toLowerCase() && identity(end) === identity(path),
  );
}
