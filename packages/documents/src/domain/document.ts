import { document } from "../schema/document.ts";
import type { XmlTree } from "../xml/tree.ts";
import { inactiveForm, migratableForm, withoutSecrets } from "./forms.ts";
import type { DomainDefinition } from "./model.ts";
import { domainSchema } from "./model.ts";
import { validateDomain } from "./validate.ts";

const domainDocument = document("domain", domainSchema, validateDomain);

/** Which form of a definition is written; all false is the running guest's without its secrets. */
export interface DomainForm {
  /** With passwords and cookies. */
  readonly secure?: boolean;
  /** What to start it from again: without what only holds while it runs (its number, ports and paths given to it). */
  readonly inactive?: boolean;
  /** What another host is given: as inactive, with secrets, and without what this host's own settings put there. */
  readonly migratable?: boolean;
}

/**
 * Reads and checks a domain document.
 * @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column; INVALID_NAME
 */
export function parseDomain(xml: string): DomainDefinition {
  return domainDocument.parse(xml);
}

/** Writes a definition in libvirt's order. What was parsed is all there, except what the form leaves out. */
export function formatDomain(definition: DomainDefinition, form: DomainForm = {}): string {
  if (form.migratable === true) return domainDocument.format(migratableForm(definition));
  const shown = form.secure === true ? definition : withoutSecrets(definition);
  return domainDocument.format(form.inactive === true ? inactiveForm(shown) : shown);
}

/** A definition as XML, with secrets, for those who look at what it says rather than what it means. */
export function domainTree(definition: DomainDefinition): XmlTree {
  return domainDocument.tree(definition);
}
